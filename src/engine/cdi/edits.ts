/** From names of CDI devices to what a container gets. */

import { statSync } from 'node:fs'
import { EngineError } from '../../errors.ts'
import { deviceAt, type HostDevice } from '../container/devices.ts'
import { type HostEdits, NO_EDITS } from '../container/edits.ts'
import type { OciMount } from '../container/oci.ts'
import { HOOK_NAMES } from './hooks.ts'
import {
  type CdiEdits,
  type CdiHook,
  type CdiMount,
  type CdiNode,
  findDevice,
  readCdi,
} from './registry.ts'

interface Source {
  /** Of the file. */
  readonly path: string
  readonly edits: CdiEdits
}

/** Those of each device, and of its file once. Throws LAUNCH. */
export async function cdiEdits(
  container: string,
  names: readonly string[],
  directories?: readonly string[],
): Promise<HostEdits> {
  const registry = await readCdi(directories)
  const found = names.map((name) => ({ name, ...findDevice(container, name, registry) }))
  const files = new Set(found.map(({ file }) => file))
  const sources: readonly Source[] = [
    ...[...files].map(({ path, common }) => ({ path, edits: common })),
    ...found.map(({ file, edits }) => ({ path: file.path, edits })),
  ]
  const all = sources.map(({ edits }) => edits)
  return {
    ...NO_EDITS,
    devices: all.flatMap(({ deviceNodes = [] }) =>
      deviceNodes.flatMap((node) => deviceOf(container, node)),
    ),
    mounts: all.flatMap(({ mounts = [] }) => mounts.map(mountOf)),
    environment: all.flatMap(({ env = [] }) => env),
    hooks: sources.flatMap((source) => hooksOf(container, source)),
    groups: [...new Set(all.flatMap(({ additionalGids = [] }) => additionalGids))],
  }
}

/**
 * They are programs that run as root: only root may have said so. Those of other times than before
 * the program are not run.
 */
function hooksOf(container: string, { path, edits }: Source): readonly CdiHook[] {
  const { hooks = [] } = edits
  const [first] = hooks
  if (first === undefined) return hooks
  const what = `Cannot give its CDI devices to "${container}": "${path}" asks for the`
  const other = hooks.find(({ hookName }) => !HOOK_NAMES.includes(hookName))
  if (other !== undefined) {
    throw new EngineError('LAUNCH', `${what} ${other.hookName} hook "${other.path}"`, {
      hint: `tsstack runs ${HOOK_NAMES.join(', ')} of devices; tsstack-oci runs all`,
    })
  }
  const { uid, mode } = statSync(path)
  if (uid !== process.geteuid?.() || (mode & OTHERS_WRITE) !== 0) {
    throw new EngineError('LAUNCH', `${what} hook "${first.path}", and others may write to it`, {
      hint: `make it root's: chown root:root "${path}" && chmod 644 "${path}"`,
    })
  }
  return hooks
}

/** S_IWGRP | S_IWOTH, include/uapi/linux/stat.h */
const OTHERS_WRITE = 0o022

/** Numbers that the file leaves out are those of the host's node. */
function deviceOf(container: string, node: CdiNode): readonly HostDevice[] {
  const { path, hostPath = path, permissions = 'rwm' } = node
  const [device] = deviceAt(hostPath, path, permissions)
  if (device === undefined || !path.startsWith('/')) {
    throw new EngineError(
      'LAUNCH',
      `Cannot give device "${hostPath}" to "${container}": there is none`,
      {
        hint: 'its CDI file is older than the devices of this host: make it anew',
      },
    )
  }
  const { major = device.major, minor = device.minor, uid = device.uid, gid = device.gid } = node
  const mode = node.fileMode === undefined ? device.mode : node.fileMode & 0o7777
  return [{ ...device, major, minor, uid, gid, mode }]
}

function mountOf({ hostPath, containerPath, type, options = [] }: CdiMount): OciMount {
  const isTmpfs = type === 'tmpfs'
  const words = options.filter((word) => !PROPAGATION.test(word))
  const isBind = words.includes('bind') || words.includes('rbind')
  return {
    destination: containerPath,
    type: isTmpfs ? 'tmpfs' : 'bind',
    source: hostPath,
    options: isTmpfs || isBind ? words : ['rbind', ...words],
  }
}

/** Nothing of a device's is to reach the host. */
const PROPAGATION = /^r?(?:shared|slave|private|unbindable)$/
