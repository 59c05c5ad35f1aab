/** Devices of the host that a container is given. */

import { lstatSync, readdirSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import { EngineError } from '../../errors.ts'
import { DEVICES_MAX } from '../../limits.ts'
import type { ContainerSpec, DeviceSpec } from '../../planner/index.ts'
import { DEVICE_LINKS, DEVICE_NODES } from './defaults.ts'

/** A device as the container will have it. */
export interface HostDevice {
  readonly type: 'char' | 'block'
  readonly major: number
  readonly minor: number
  /** Absolute path on the host. */
  readonly source: string
  /** Absolute path in the container. */
  readonly target: string
  /** Permission bits, and owner, of the host's node. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly access: string
}

/**
 * Those that the stack file names, directories with all that is in them; with `privileged` all of
 * /dev as well. Throws LAUNCH for what is no device.
 */
export function hostDevices(container: string, spec: ContainerSpec): readonly HostDevice[] {
  const asked = (spec.devices ?? []).flatMap((device) => askedDevices(container, device))
  if (!spec.privileged) return asked
  const targets = new Set(asked.map(({ target }) => target))
  return [...asked, ...allDevices().filter(({ target }) => !targets.has(target))]
}

/** `major:minor` of the block device at `path`, or of the disk that `path` is a part of. */
export function blockDevice(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat?.isBlockDevice() === true) return numbersOf(stat.rdev).join(':')
  const seen = stat === undefined ? 'it does not exist' : 'it is no block device'
  throw new EngineError('LAUNCH', `Cannot limit the device "${path}": ${seen}`, {
    hint: 'see the names of block devices with "lsblk -p"',
  })
}

function askedDevices(container: string, device: DeviceSpec): readonly HostDevice[] {
  const { source, target } = device
  const stat = statSync(source, { throwIfNoEntry: false })
  const devices =
    stat?.isDirectory() === true
      ? devicesBelow(source, target, device.access)
      : deviceAt(source, target, device.access)
  if (devices.length > 0) return devices
  const seen = stat === undefined ? 'it does not exist' : 'it is no device'
  throw new EngineError('LAUNCH', `Cannot give device "${source}" to "${container}": ${seen}`, {
    hint: 'correct "devices", or mount a file or directory with "volumes"',
  })
}

/** Names in /dev that every container has on its own, or that belong to the host alone. */
const OWN_NAMES = new Set([
  ...DEVICE_NODES.map(({ name }) => name),
  ...DEVICE_LINKS.map(({ name }) => name),
  'console',
  'mqueue',
  'pts',
  'shm',
])

function allDevices(): readonly HostDevice[] {
  return readdirSync('/dev')
    .filter((name) => !OWN_NAMES.has(name))
    .flatMap((name) => {
      const path = `/dev/${name}`
      const stat = lstatSync(path, { throwIfNoEntry: false })
      if (stat?.isDirectory() === true) return devicesBelow(path, path, 'rwm')
      return stat?.isSymbolicLink() === true ? [] : deviceAt(path, path, 'rwm')
    })
}

/** Links are not followed there: a directory lends what is in it. */
function devicesBelow(source: string, target: string, access: string): readonly HostDevice[] {
  const entries = readdirSync(source, { recursive: true, withFileTypes: true }).slice(
    0,
    DEVICES_MAX,
  )
  return entries
    .filter((entry) => entry.isBlockDevice() || entry.isCharacterDevice())
    .flatMap((entry) => {
      const path = posix.join(entry.parentPath, entry.name)
      return deviceAt(path, posix.join(target, posix.relative(source, path)), access)
    })
}

/** None when there is no device at `source`. */
export function deviceAt(source: string, target: string, access: string): readonly HostDevice[] {
  const stat = statSync(source, { throwIfNoEntry: false })
  if (stat === undefined || !(stat.isBlockDevice() || stat.isCharacterDevice())) return []
  const [major, minor] = numbersOf(stat.rdev)
  const { uid, gid, mode } = stat
  const type = stat.isBlockDevice() ? 'block' : 'char'
  return [{ type, major, minor, source, target, mode: mode & 0o7777, uid, gid, access }]
}

/** @see makedev(3), gnu_dev_major in glibc */
function numbersOf(device: number): readonly [major: number, minor: number] {
  const number = BigInt(device)
  return [
    Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn)),
    Number((number & 0xffn) | ((number >> 12n) & 0xffffff00n)),
  ]
}
