/** What in a container's spec is worth a second look, each rule with its advice. */

import type { ContainerSpec, MountSpec } from '../model.ts'
import { SECRET_NAME } from '../secrets.ts'

/**
 * `high`: the host can be taken over by what the container is given; `medium`: much of the host or
 * of its neighbours can be read or disturbed; `low`: a hardening that costs little is not used.
 */
export type Severity = 'high' | 'medium' | 'low'

export interface Finding {
  readonly severity: Severity
  /** Stable, for exceptions in CI: `host-path`. */
  readonly rule: string
  readonly message: string
  readonly advice: string
}

/** High ones first. */
export function findingsOf(spec: ContainerSpec): readonly Finding[] {
  const order: readonly Severity[] = ['high', 'medium', 'low']
  const all = RULES.flatMap((rule) => rule(spec))
  return order.flatMap((severity) => all.filter((each) => each.severity === severity))
}

type Rule = (spec: ContainerSpec) => readonly Finding[]

function finding(
  severity: Severity,
  rule: string,
  { message, advice }: { readonly message: string; readonly advice: string },
): Finding {
  return { severity, rule, message, advice }
}

function when(
  isTrue: boolean,
  severity: Severity,
  rule: string,
  words: { readonly message: string; readonly advice: string },
): readonly Finding[] {
  return isTrue ? [finding(severity, rule, words)] : []
}

/** Root in there is nobody of the host's: its rights end with its own namespaces. */
function hasOtherUsers({ namespaces: modes }: ContainerSpec): boolean {
  return modes?.user !== undefined
}

const privileged: Rule = (spec) =>
  when(spec.privileged, hasOtherUsers(spec) ? 'medium' : 'high', 'privileged', {
    message: hasOtherUsers(spec)
      ? 'privileged in a user namespace: no seccomp filter, and nothing of procfs is hidden'
      : 'privileged: every capability and device, no seccomp filter, nothing is hidden',
    advice: 'name what it needs with "cap_add" and "devices" instead',
  })

const filters: Rule = ({ seccomp, systemPathsUnconfined, writableCgroups, apparmor }) => [
  ...when(seccomp === 'unconfined', 'high', 'seccomp-unconfined', {
    message: 'no seccomp filter: every system call of the kernel can be attacked',
    advice: 'remove seccomp=unconfined, or give a profile that allows one call more',
  }),
  ...when(apparmor === 'unconfined', 'low', 'apparmor-unconfined', {
    message: 'no AppArmor profile, also where the host has AppArmor',
    advice: 'remove apparmor=unconfined, or name a profile that allows what is needed',
  }),
  ...when(systemPathsUnconfined === true, 'high', 'systempaths-unconfined', {
    message: 'procfs and sysfs are shown in full, the switches of the host among them',
    advice: 'remove systempaths=unconfined',
  }),
  ...when(writableCgroups === true, 'medium', 'writable-cgroups', {
    message: 'it may change the limits of its own groups',
    advice: 'remove writable-cgroups unless it runs containers of its own',
  }),
]

const namespaces: Rule = ({ namespaces: modes = {}, network }) => [
  ...when(modes.pid?.kind === 'host', 'high', 'host-pid', {
    message: 'pid: host: it sees every process of the host, and root in it may signal them',
    advice: 'use a pid namespace of its own, or "service:NAME" of one that it serves',
  }),
  ...when(modes.ipc?.kind === 'host', 'medium', 'host-ipc', {
    message: 'ipc: host: it shares memory with programs of the host',
    advice: 'use "shareable" and "service:NAME" between the services that need it',
  }),
  ...when(network.kind === 'host', 'medium', 'host-network', {
    message: "network_mode: host: it reaches the host's local and abstract sockets",
    advice: 'publish its ports instead',
  }),
  ...when(modes.uts?.kind === 'host', 'low', 'host-uts', {
    message: 'uts: host: with SYS_ADMIN it could rename the host',
    advice: 'leave "uts" out',
  }),
  ...when(modes.cgroup?.kind === 'host', 'low', 'host-cgroup', {
    message: 'cgroup: host: it sees the names of all groups of the host',
    advice: 'leave "cgroup" out',
  }),
]

/** Each is as good as root on the host, or nearly. @see capabilities(7) */
const HOST_CAPABILITIES = [
  'ALL',
  'SYS_ADMIN',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_PTRACE',
  'DAC_READ_SEARCH',
  'BPF',
]
const WIDE_CAPABILITIES = ['NET_ADMIN', 'SYS_BOOT', 'SYS_TIME', 'SYSLOG', 'PERFMON', 'MAC_ADMIN']

const capabilities: Rule = (spec) => {
  const { capAdd, privileged: hasAll } = spec
  const of = (names: readonly string[]): readonly string[] =>
    hasAll ? [] : capAdd.filter((name) => names.includes(name))
  const advice = 'add only what fails without it'
  if (hasOtherUsers(spec)) {
    const means = 'over its own namespaces only, but more of the kernel can be attacked'
    return of([...HOST_CAPABILITIES, ...WIDE_CAPABILITIES]).map((name) =>
      finding('low', 'capability', { message: `${name}: ${means}`, advice }),
    )
  }
  return [
    ...of(HOST_CAPABILITIES).map((name) =>
      finding('high', 'capability', { message: `${name}: leads out of a container`, advice }),
    ),
    ...of(WIDE_CAPABILITIES).map((name) =>
      finding('medium', 'capability', { message: `${name}: changes more than its own`, advice }),
    ),
  ]
}

/** Whoever may write there decides what runs as root on the host. */
const RULING_PATHS =
  /^\/(?:etc|boot|dev|proc|sys|root|usr|bin|sbin|lib\w*|var\/lib|var\/spool\/cron)?$/u
const SOCKETS = /(?:^|\/)(?:docker|containerd|podman|crio|tsstack)[\w.-]*\.sock$/u

const mounts: Rule = (spec) => spec.mounts.flatMap(mountFinding)

function mountFinding(mount: MountSpec): readonly Finding[] {
  if (mount.kind !== 'bind') return []
  const { source, readOnly } = mount
  if (SOCKETS.test(source)) {
    return when(true, 'high', 'engine-socket', {
      message: `${source}: whoever writes to it starts containers as root of the host`,
      advice: 'give it a proxy that lets through only what it needs',
    })
  }
  if (RULING_PATHS.test(source) || /^\/(?:etc|proc|sys|boot)\//u.test(source)) {
    return when(true, readOnly ? 'medium' : 'high', 'host-path', {
      message: `${source} of the host, ${readOnly ? 'readable' : 'writable'}`,
      advice: readOnly ? 'mount the one file it needs' : 'mount it read-only, or a volume instead',
    })
  }
  return when(!readOnly, 'low', 'writable-bind', {
    message: `${source} of the host, writable`,
    advice: 'add ":ro" unless it has to write there',
  })
}

const devices: Rule = ({ devices: given = [], cdi = [], deviceRules = [] }) => [
  ...cdi.map((name) =>
    finding('medium', 'device', {
      message: `${name}, and what its CDI file mounts`,
      advice: 'read the file of its vendor below /etc/cdi or /var/run/cdi',
    }),
  ),
  ...given.map(({ source, access }) => {
    const isMemory = /^\/dev\/(?:mem|kmem|port|sd\w*|nvme\w*|vd\w*|xvd\w*|dm-\d+|mapper)\b/u.test(
      source,
    )
    return finding(isMemory ? 'high' : 'medium', 'device', {
      message: `${source} (${access})`,
      advice: isMemory ? 'mount a file system, not its disk' : 'give "r" where reading is enough',
    })
  }),
  ...deviceRules
    .filter((rule) => /^a|\*:\*/u.test(rule))
    .map((rule) =>
      finding('high', 'device-rule', {
        message: `device rule "${rule}" opens every device`,
        advice: 'name the numbers that it needs',
      }),
    ),
]

const ports: Rule = (spec) =>
  spec.ports
    .filter(({ hostIp }) => hostIp === undefined || hostIp === '0.0.0.0' || hostIp === '::')
    .map(({ target, protocol }) =>
      finding('low', 'published-everywhere', {
        message: `${target}/${protocol} is published at every address of the host`,
        advice: 'write "127.0.0.1:…" in front unless others are to reach it',
      }),
    )

const environment: Rule = (spec) =>
  Object.entries(spec.environment)
    .filter(([name, value]) => value !== '' && SECRET_NAME.test(name) && !name.endsWith('_FILE'))
    .map(([name]) =>
      finding('medium', 'secret-in-environment', {
        message: `${name} looks like a secret, and an environment is easily shown`,
        advice: 'use "secrets", and the variable with _FILE where the image knows it',
      }),
    )

const hardening: Rule = (spec) => [
  ...when(isRoot(spec.user) && !hasOtherUsers(spec), 'low', 'root-user', {
    message: 'it runs as root of the host, unless its image says otherwise',
    advice: 'set "user", or "userns_mode: auto"',
  }),
  ...when(!spec.noNewPrivileges, 'low', 'new-privileges', {
    message: 'setuid programs of its image work',
    advice: 'add "no-new-privileges:true" to "security_opt"',
  }),
  ...when(spec.resources.memoryBytesMax === undefined, 'low', 'no-memory-limit', {
    message: 'it may take all memory',
    advice: 'set "mem_limit"',
  }),
  ...when((spec.resources.pidsMax ?? -1) <= 0, 'low', 'no-pids-limit', {
    message: 'it may make processes without end',
    advice: 'leave "pids_limit" out, or set one',
  }),
]

function isRoot(user: string | undefined): boolean {
  return user === undefined || /^(?:root|0+)?(?::|$)/u.test(user)
}

const RULES: readonly Rule[] = [
  privileged,
  filters,
  namespaces,
  capabilities,
  mounts,
  devices,
  ports,
  environment,
  hardening,
]
