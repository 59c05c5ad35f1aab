/** Gives a group its settings, on v1 and v2 alike. */

import { closeSync, constants, existsSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EngineError } from '../../errors.ts'
import { inUserNamespace } from '../own-users.ts'
import { attachDeviceProgram } from './bpf.ts'
import { deviceProgram } from './device-program.ts'
import { deviceChanges } from './device-rules.ts'
import { directoryOf, unifiedDirectory, type GroupDirectory } from './directories.ts'
import { readCgroupFile, readCgroupNumber, writeCgroupFile, writeIfPresent } from './files.ts'
import { type BlockIoState, THROTTLE_FILES } from './settings-io.ts'
import { writesForV1 } from './settings-v1.ts'
import type { CgroupWrite } from './settings-write.ts'
import { writesForV2 } from './settings-v2.ts'
import type { CgroupSettings, DeviceRule } from './types.ts'

/**
 * Applies `settings`. A `fresh` group has the kernel's defaults, so only real limits are written.
 * @throws {EngineError} NO_CGROUP when a limit is asked for that this kernel cannot hold.
 */
export function applySettings(
  directories: readonly GroupDirectory[],
  settings: CgroupSettings,
  options: { readonly fresh: boolean },
): void {
  for (const write of writesFor(directories, settings, options)) {
    if (options.fresh && write.isDefault) continue
    const home = directoryOf(directories, write.controller)
    const isWritten = home && writeIfPresent(join(home.directory, write.file), write.value)
    if (isWritten !== true && !write.isDefault) throw cannotLimit(write)
  }
  writeUnified(directories, settings.unified ?? {})
  // Without root of the machine nobody makes a device, nor opens one that is not theirs to open.
  if (settings.devices && !inUserNamespace()) applyDevices(directories, settings.devices)
}

/** What would be written for `settings`, those of the kernel's own defaults included. */
export function writesFor(
  directories: readonly GroupDirectory[],
  settings: CgroupSettings,
  { fresh }: { readonly fresh: boolean },
): readonly CgroupWrite[] {
  const onV1 = ({ controller }: { readonly controller: string }) =>
    directoryOf(directories, controller)?.version === 1
  const v1 = writesForV1(settings, fresh ? NEW_ON_V1 : currentOfV1(directories)).filter(onV1)
  const io = directoryOf(directories, 'io')
  const hasBlkio = directoryOf(directories, 'blkio') !== undefined
  const v2 = writesForV2(settings, io && ioState(io, ['io.max'])).filter((write) =>
    write.controller === 'io' ? !hasBlkio : !onV1(write),
  )
  return [...v1, ...v2]
}

/** What a new v1 group has; nobody writes the `parentCpus` that it got. */
const NEW_ON_V1 = { parentCpus: '' }

function currentOfV1(directories: readonly GroupDirectory[]) {
  const memory = directoryOf(directories, 'memory')?.directory
  const cpuset = directoryOf(directories, 'cpuset')?.directory
  const blkio = directoryOf(directories, 'blkio')
  return {
    io: blkio && ioState(blkio, Object.values(THROTTLE_FILES)),
    sum:
      memory === undefined
        ? undefined
        : readCgroupNumber(join(memory, 'memory.memsw.limit_in_bytes')),
    parentCpus:
      cpuset === undefined ? '' : (readCgroupFile(join(dirname(cpuset), 'cpuset.cpus')) ?? ''),
  }
}

/** Devices that have a limit now: the first word of each line. */
function ioState({ directory }: GroupDirectory, files: readonly string[]): BlockIoState {
  const devicesIn = (file: string): readonly string[] =>
    (readCgroupFile(join(directory, file)) ?? '')
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '')
      .filter((word) => /^\d+:\d+$/.test(word))
  return {
    devices: Object.fromEntries(files.map((file) => [file, devicesIn(file)])),
    has: (file) => existsSync(join(directory, file)),
  }
}

/** Names are of one group's files, so that no path leads elsewhere. */
function writeUnified(
  directories: readonly GroupDirectory[],
  files: Readonly<Record<string, string>>,
): void {
  for (const [file, value] of Object.entries(files)) {
    const home = unifiedDirectory(directories)
    const path = home && join(home.directory, file)
    if (path === undefined || !/^[\w.]+$/.test(file) || !existsSync(path)) {
      throw new EngineError(
        'NO_CGROUP',
        `Cannot set "${file}" to ${value}: there is no such file`,
        {
          hint: 'Name a file of cgroup v2 whose controller this machine has',
        },
      )
    }
    writeCgroupFile(path, value)
  }
}

function cannotLimit({ controller, file, value }: CgroupWrite): EngineError {
  const { seen, hint } = reasonOf(controller, file)
  return new EngineError(
    'NO_CGROUP',
    `Cannot set "${file}" to ${value}: ${seen}; it is needed for the limit that the stack file asks for`,
    { hint },
  )
}

function reasonOf(
  controller: string,
  file: string,
): { readonly seen: string; readonly hint: string } {
  if (inUserNamespace()) {
    return {
      seen: `nobody has given the controller "${controller}" over to this user`,
      hint: 'run tsstack as root, or on cgroup v2 in a unit of your own with Delegate=yes',
    }
  }
  if (/swap\.max|memsw/.test(file)) {
    return {
      seen: 'this kernel does not account swap',
      hint: 'Boot with swapaccount=1, or leave "memswap_limit" out',
    }
  }
  const only = ONLY_SOME_KERNELS[file]
  if (only !== undefined) return { seen: only, hint: 'Leave the limit out' }
  return {
    seen: `this kernel offers no "${controller}" cgroup controller`,
    hint: `Boot with cgroup_enable=${controller}, or leave the limit out`,
  }
}

/** Files that a machine with the controller may lack all the same. */
const ONLY_SOME_KERNELS: Readonly<Record<string, string>> = {
  'memory.swappiness': 'cgroup v2 has no swappiness of groups',
  'memory.oom_control': 'cgroup v2 always kills a process at the memory limit',
  'cpu.rt_runtime_us': 'this kernel has no real-time group scheduling on this cgroup version',
  'cpu.rt_period_us': 'this kernel has no real-time group scheduling on this cgroup version',
  'blkio.bfq.weight': 'this kernel has no BFQ scheduler, which knows weights',
  'blkio.bfq.weight_device': 'this kernel has no BFQ scheduler, which knows weights',
  'blkio.leaf_weight': 'this kernel has no weights of leaves',
  'blkio.leaf_weight_device': 'this kernel has no weights of leaves',
  'io.weight': 'this kernel has neither BFQ nor iocost, which know weights',
}

/** v1 has a controller for devices, v2 a program that the kernel asks. */
function applyDevices(directories: readonly GroupDirectory[], rules: readonly DeviceRule[]): void {
  const v1 = directoryOf(directories, 'devices')
  if (v1) {
    const { deny, allow } = deviceChanges(
      readCgroupFile(join(v1.directory, 'devices.list')) ?? '',
      rules,
    )
    writeCgroupFile(join(v1.directory, 'devices.deny'), ...deny)
    writeCgroupFile(join(v1.directory, 'devices.allow'), ...allow)
    return
  }
  const v2 = unifiedDirectory(directories)
  if (!v2) {
    throw new EngineError(
      'NO_CGROUP',
      'Cannot restrict devices: no "devices" hierarchy is mounted',
      {
        hint: 'Mount it: mount -t cgroup -o devices none /sys/fs/cgroup/devices',
      },
    )
  }
  const directory = openSync(v2.directory, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    attachDeviceProgram(directory, deviceProgram(rules))
  } finally {
    closeSync(directory)
  }
}
