/** Gives a group its settings, on v1 and v2 alike. */

import { closeSync, constants, existsSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EngineError } from '../../errors.ts'
import { attachDeviceProgram } from './bpf.ts'
import { deviceProgram } from './device-program.ts'
import { deviceChanges } from './device-rules.ts'
import { directoryOf, unifiedDirectory, type GroupDirectory } from './directories.ts'
import { readCgroupFile, readCgroupNumber, writeCgroupFile } from './files.ts'
import { writesForV1, type CgroupWrite } from './settings-v1.ts'
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
  for (const write of writesFor(directories, settings)) {
    if (options.fresh && write.isDefault) continue
    const home = directoryOf(directories, write.controller)
    const file = home && join(home.directory, write.file)
    if (file !== undefined && existsSync(file)) writeCgroupFile(file, write.value)
    else if (!write.isDefault) throw cannotLimit(write)
  }
  if (settings.devices) applyDevices(directories, settings.devices)
}

function writesFor(
  directories: readonly GroupDirectory[],
  settings: CgroupSettings,
): readonly CgroupWrite[] {
  const onV1 = ({ controller }: { readonly controller: string }) =>
    directoryOf(directories, controller)?.version === 1
  const v1 = writesForV1(settings, currentOfV1(directories)).filter(onV1)
  const v2 = writesForV2(settings).filter((write) => !onV1(write))
  return [...v1, ...v2]
}

function currentOfV1(directories: readonly GroupDirectory[]) {
  const memory = directoryOf(directories, 'memory')?.directory
  const cpuset = directoryOf(directories, 'cpuset')?.directory
  return {
    sum:
      memory === undefined
        ? undefined
        : readCgroupNumber(join(memory, 'memory.memsw.limit_in_bytes')),
    parentCpus:
      cpuset === undefined ? '' : (readCgroupFile(join(dirname(cpuset), 'cpuset.cpus')) ?? ''),
  }
}

function cannotLimit({ controller, file, value }: CgroupWrite): EngineError {
  const swap = file.includes('swap') || file.includes('memsw')
  return new EngineError(
    'NO_CGROUP',
    `Cannot set "${file}" to ${value}: this kernel ${
      swap ? 'does not account swap' : `offers no "${controller}" cgroup controller`
    }; it is needed for the limit that the stack file asks for`,
    {
      hint: swap
        ? 'Boot with swapaccount=1, or leave "memswap_limit" out'
        : `Boot with cgroup_enable=${controller}, or leave the limit out`,
    },
  )
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
