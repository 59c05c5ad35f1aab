/** `driver_opts` of a volume: what mount(8) would be told. Nothing is mounted on the host for it. */

import { existsSync } from 'node:fs'
import { createDetachedMount, type Fd, openForeignTree } from '../../linux/index.ts'
import { EngineError, errorText } from '../../errors.ts'
import type { VolumeSpec } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import { mountPoints, placeOf } from '../mount-points.ts'

/** Where a volume's data is, when that is not our own directory. */
export type VolumeDevice =
  | { readonly kind: 'bind'; readonly path: string; readonly readOnly: boolean }
  | {
      readonly kind: 'mount'
      readonly type: string
      readonly source: string
      readonly options: Readonly<Record<string, string | true>>
      readonly flags: Readonly<Partial<Record<'readOnly' | 'nosuid' | 'nodev' | 'noexec', true>>>
    }

/**
 * `type`, `device` and `o` as Docker's local driver has them; undefined without any of them. Throws
 * NOT_SUPPORTED for other options.
 */
export function volumeDevice({ name, driverOptions }: VolumeSpec): VolumeDevice | undefined {
  const { type = '', device = '', o = '', ...others } = driverOptions
  refuseOthers(name, Object.keys(others))
  if (`${type}${device}${o}` === '') return undefined
  const words = o.split(',').filter(Boolean)
  if (['none', 'bind'].includes(type) || words.includes('bind') || words.includes('rbind')) {
    return { kind: 'bind', path: device, readOnly: words.includes('ro') }
  }
  return {
    kind: 'mount',
    type: type === '' ? 'auto' : type,
    source: device === '' ? type : device,
    ...splitWords(words),
  }
}

function refuseOthers(name: string, [unknown]: readonly string[]): void {
  if (unknown === undefined) return
  throw new EngineError(
    'NOT_SUPPORTED',
    `Cannot create volume "${name}": its driver has no option "${unknown}"`,
    { hint: 'the local driver has "type", "device" and "o"' },
  )
}

const FLAGS = { ro: 'readOnly', nosuid: 'nosuid', nodev: 'nodev', noexec: 'noexec' } as const
/** Words of mount(8) that ask for the defaults, or for what a mount of one container has not. */
const NOTHING = new Set(['rw', 'defaults', 'suid', 'dev', 'exec', 'relatime', 'noatime', 'async'])

function splitWords(words: readonly string[]) {
  const flags: Record<string, true> = {}
  const options: Record<string, string | true> = {}
  for (const word of words) {
    const at = word.indexOf('=')
    if (word in FLAGS) flags[FLAGS[word as keyof typeof FLAGS]] = true
    else if (at > 0) options[word.slice(0, at)] = word.slice(at + 1)
    else if (!NOTHING.has(word)) options[word] = true
  }
  return { flags, options }
}

/** A path that is bound has to be there; throws MOUNT_SOURCE. */
export function boundPath(volume: string, { path }: { readonly path: string }): string {
  if (path.startsWith('/') && existsSync(path)) return path
  throw new EngineError(
    'MOUNT_SOURCE',
    `Cannot mount volume "${volume}": its device "${path}" does not exist`,
    { hint: 'create it, or change "device" in "driver_opts"' },
  )
}

/**
 * The file system as a detached tree. One in memory lives as long as a container has it: the next
 * one gets the same. Any other is one and the same to the kernel each time. Throws MOUNT_SOURCE.
 */
export function openDevice(
  machine: Machine,
  volume: string,
  device: Extract<VolumeDevice, { kind: 'mount' }>,
): Fd {
  const holder = MEMORY.has(device.type) ? holderOf(machine, volume) : undefined
  try {
    if (holder) return openForeignTree(holder.pidfd, holder.target)
    const { type, source, options, flags } = device
    return createDetachedMount({ type, source, options, flags })
  } catch (cause) {
    const why = errorText(cause)
    throw new EngineError('MOUNT_SOURCE', `Cannot mount volume "${volume}": ${why}`, {
      hint: 'correct "type", "device" and "o" in its "driver_opts"',
      cause,
    })
  }
}

const MEMORY = new Set(['tmpfs', 'ramfs'])

/** A running container that has the volume, and where. */
function holderOf(
  machine: Machine,
  volume: string,
): { readonly pidfd: Fd; readonly target: string } | undefined {
  for (const { record, attempt } of machine.containers.values()) {
    const process = attempt?.exit ? undefined : attempt?.process
    const mount = record.spec.mounts.find(
      (one) => one.kind === 'volume' && one.volume === volume && one.subpath === undefined,
    )
    if (attempt === undefined || process?.pidfd === undefined || !mount) continue
    // Where somebody has unmounted it lies a directory of the container's root.
    const target = placeOf(attempt, mount)
    if (mountPoints(process.pid)?.has(target) !== true) continue
    return { pidfd: process.pidfd, target }
  }
  return undefined
}
