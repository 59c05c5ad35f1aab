/**
 * The shape of a bundle's config.json, as spec.ts has it. Properties that are not known are passed
 * over, as the specification asks.
 */

import * as z from 'zod'
import { NAMESPACE_NAMES } from './spec.ts'

const uint32 = z.int().min(0).max(0xffff_ffff)
const path = z.string().min(1)
const absolute = z.string().startsWith('/', 'an absolute path is needed')
/** Go's encoder writes null for what is not set. */
const list = <T extends z.ZodType>(item: T) => z.array(item).nullish()
const map = z.record(z.string(), z.string()).nullish()

const capabilitySet = list(z.string())

export const specProcess: z.ZodType = z.object({
  terminal: z.boolean().nullish(),
  consoleSize: z.object({ height: z.int(), width: z.int() }).nullish(),
  user: z
    .object({
      uid: uint32.nullish(),
      gid: uint32.nullish(),
      umask: z.int().min(0).max(0o777).nullish(),
      additionalGids: list(uint32),
    })
    .nullish(),
  args: list(z.string()),
  env: list(z.string().regex(/^[^=]+=/, 'NAME=value is needed')),
  cwd: absolute,
  capabilities: z
    .object({
      bounding: capabilitySet,
      effective: capabilitySet,
      inheritable: capabilitySet,
      permitted: capabilitySet,
      ambient: capabilitySet,
    })
    .nullish(),
  rlimits: list(z.object({ type: z.string(), soft: z.number().min(0), hard: z.number().min(0) })),
  noNewPrivileges: z.boolean().nullish(),
  oomScoreAdj: z.int().min(-1000).max(1000).nullish(),
  apparmorProfile: z.string().nullish(),
  selinuxLabel: z.string().nullish(),
  scheduler: z
    .object({
      policy: z.string(),
      nice: z.int().nullish(),
      priority: z.int().nullish(),
      flags: list(z.string()),
      runtime: z.number().nullish(),
      deadline: z.number().nullish(),
      period: z.number().nullish(),
    })
    .nullish(),
  ioPriority: z.object({ class: z.string(), priority: z.int().min(0).max(7) }).nullish(),
})

const idMapping = z.object({ containerID: uint32, hostID: uint32, size: uint32 })

const mount = z.object({
  destination: path,
  type: z.string().nullish(),
  source: z.string().nullish(),
  options: list(z.string()),
  uidMappings: list(idMapping),
  gidMappings: list(idMapping),
})

const hook = z.object({
  path: absolute,
  args: list(z.string()),
  env: list(z.string()),
  timeout: z.int().min(1).nullish(),
})

const deviceNumber = z.int().nullish()

const device = z.object({
  path: absolute,
  type: z.enum(['c', 'b', 'u', 'p']),
  major: z.int().min(0).nullish(),
  minor: z.int().min(0).nullish(),
  fileMode: z.int().min(0).nullish(),
  uid: uint32.nullish(),
  gid: uint32.nullish(),
})

const count = z.number().nullish()

const throttle = list(z.object({ major: z.int(), minor: z.int(), rate: z.number().min(0) }))

export const specResources: z.ZodType = z.object({
  devices: list(
    z.object({
      allow: z.boolean(),
      type: z.enum(['a', 'b', 'c', '']).nullish(),
      major: deviceNumber,
      minor: deviceNumber,
      access: z
        .string()
        .regex(/^[rwm]*$/, 'letters of rwm are needed')
        .nullish(),
    }),
  ),
  memory: z
    .object({
      limit: count,
      reservation: count,
      swap: count,
      kernel: count,
      kernelTCP: count,
      swappiness: count,
      disableOOMKiller: z.boolean().nullish(),
      useHierarchy: z.boolean().nullish(),
      checkBeforeUpdate: z.boolean().nullish(),
    })
    .nullish(),
  cpu: z
    .object({
      shares: count,
      quota: count,
      burst: count,
      period: count,
      realtimeRuntime: count,
      realtimePeriod: count,
      cpus: z.string().nullish(),
      mems: z.string().nullish(),
      idle: count,
    })
    .nullish(),
  pids: z.object({ limit: count }).nullish(),
  blockIO: z
    .object({
      weight: count,
      leafWeight: count,
      weightDevice: list(
        z.object({ major: z.int(), minor: z.int(), weight: count, leafWeight: count }),
      ),
      throttleReadBpsDevice: throttle,
      throttleWriteBpsDevice: throttle,
      throttleReadIOPSDevice: throttle,
      throttleWriteIOPSDevice: throttle,
    })
    .nullish(),
  hugepageLimits: list(z.object({ pageSize: z.string(), limit: z.number().min(0) })),
  network: z
    .object({
      classID: uint32.nullish(),
      priorities: list(z.object({ name: z.string(), priority: uint32 })),
    })
    .nullish(),
  unified: map,
})

const seccomp = z.object({
  defaultAction: z.string(),
  defaultErrnoRet: z.int().min(0).nullish(),
  architectures: list(z.string()),
  flags: list(z.string()),
  listenerPath: z.string().nullish(),
  syscalls: list(
    z.object({
      names: z.array(z.string()).min(1),
      action: z.string(),
      errnoRet: z.int().min(0).nullish(),
      args: list(
        z.object({
          index: z.int().min(0).max(5),
          value: z.number().min(0),
          valueTwo: z.number().min(0).nullish(),
          op: z.string(),
        }),
      ),
    }),
  ),
})

const linux = z.object({
  namespaces: list(
    z.object({ type: z.enum(NAMESPACE_NAMES), path: absolute.or(z.literal('')).nullish() }),
  ),
  uidMappings: list(idMapping),
  gidMappings: list(idMapping),
  timeOffsets: z
    .partialRecord(
      z.enum(['boottime', 'monotonic']),
      z.object({ secs: z.int().nullish(), nanosecs: z.int().min(0).max(999_999_999).nullish() }),
    )
    .nullish(),
  devices: list(device),
  cgroupsPath: z.string().nullish(),
  resources: specResources.nullish(),
  rootfsPropagation: z
    .enum(['shared', 'rshared', 'slave', 'rslave', 'private', 'rprivate', 'unbindable', ''])
    .nullish(),
  seccomp: seccomp.nullish(),
  sysctl: map,
  maskedPaths: list(absolute),
  readonlyPaths: list(absolute),
  mountLabel: z.string().nullish(),
  personality: z
    .object({ domain: z.enum(['LINUX', 'LINUX32']), flags: list(z.string()) })
    .nullish(),
  intelRdt: z.looseObject({}).nullish(),
})

export const runtimeSpec: z.ZodType = z.object({
  ociVersion: z.string().regex(/^1\.\d+\.\d+/, 'a version 1.x.y is needed'),
  process: specProcess.nullish(),
  root: z.object({ path, readonly: z.boolean().nullish() }),
  hostname: z.string().max(64).nullish(),
  domainname: z.string().max(64).nullish(),
  mounts: list(mount),
  hooks: z
    .object({
      prestart: list(hook),
      createRuntime: list(hook),
      createContainer: list(hook),
      startContainer: list(hook),
      poststart: list(hook),
      poststop: list(hook),
    })
    .nullish(),
  annotations: map,
  linux: linux.nullish(),
})
