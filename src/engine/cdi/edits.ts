/** From names of CDI devices to what a container gets. */

import { EngineError } from '../../errors.ts'
import { deviceAt, type HostDevice } from '../container/devices.ts'
import { type HostEdits, NO_EDITS } from '../container/edits.ts'
import type { OciMount } from '../container/oci.ts'
import { type CdiEdits, type CdiMount, type CdiNode, findDevice, readCdi } from './registry.ts'

/** Those of each device, and of its file once. Throws LAUNCH. */
export async function cdiEdits(
  container: string,
  names: readonly string[],
  directories?: readonly string[],
): Promise<HostEdits> {
  const registry = await readCdi(directories)
  const found = names.map((name) => ({ name, ...findDevice(container, name, registry) }))
  const files = new Set(found.map(({ file }) => file))
  const all = [...[...files].map(({ common }) => common), ...found.map(({ edits }) => edits)]
  for (const edits of all) refuseHooks(container, edits)
  return {
    ...NO_EDITS,
    devices: all.flatMap(({ deviceNodes = [] }) =>
      deviceNodes.flatMap((node) => deviceOf(container, node)),
    ),
    mounts: all.flatMap(({ mounts = [] }) => mounts.map(mountOf)),
    environment: all.flatMap(({ env = [] }) => env),
    groups: [...new Set(all.flatMap(({ additionalGids = [] }) => additionalGids))],
  }
}

/** They are programs of the host's that would change the container's files as root. */
function refuseHooks(container: string, { hooks = [] }: CdiEdits): void {
  const [hook] = hooks
  if (hook === undefined) return
  throw new EngineError(
    'LAUNCH',
    `Cannot give its CDI devices to "${container}": their file asks for the ${hook.hookName} ` +
      `hook "${hook.path}", and tsstack runs no hooks of devices in stacks`,
    {
      hint:
        'make a CDI file without hooks, and say in it with "mounts" what the hooks would do; ' +
        'tsstack-oci runs them',
    },
  )
}

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
