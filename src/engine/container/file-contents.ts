/** Reads what secrets and configs of a container contain. */

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError, errorText } from '../../errors.ts'
import { FILE_CONTENT_BYTES_MAX } from '../../limits.ts'
import { type FileMountSpec, valueKey } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import type { ContainerRecord } from '../records/container.ts'
import type { Paths } from '../types.ts'
import { targetOf } from './describe.ts'
import type { FileContent } from './mounts.ts'

/** By target. Throws MOUNT_SOURCE for one that cannot be read. */
export function fileContents(
  machine: Machine,
  { stack, name, spec }: ContainerRecord,
): ReadonlyMap<string, FileContent> {
  return new Map(
    spec.mounts.flatMap((mount) => {
      if (mount.kind !== 'file') return []
      const { mode, uid, gid } = mount
      const bytes = contentOf(machine, { stack, container: name, mount })
      return [[targetOf(mount), { bytes, mode, uid, gid }]]
    }),
  )
}

/** Throws MOUNT_SOURCE. */
export function contentOf(
  machine: Machine,
  wanted: { readonly stack: string; readonly container: string; readonly mount: FileMountSpec },
): Uint8Array {
  const { stack, container, mount } = wanted
  const what = `${mount.object} "${mount.name}"`
  if (mount.from.kind === 'value') {
    const value = machine.values.get(storeKey(stack, mount))
    if (value !== undefined) return Buffer.from(value)
    throw new EngineError('MOUNT_SOURCE', `Cannot start "${container}": the ${what} is not known`, {
      hint: 'set its variable and run "tsstack up": such a value is kept in memory only',
    })
  }
  const path = originPath(machine.paths, mount.from)
  try {
    return readContent(path)
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const why = isMissing ? `there is no "${path}"` : errorText(cause)
    throw new EngineError('MOUNT_SOURCE', `Cannot read the ${what} of "${container}": ${why}`, {
      hint: `put its content into "${path}"`,
      cause,
    })
  }
}

/** Where the machine's values are kept by. */
export function storeKey(stack: string, mount: Pick<FileMountSpec, 'object' | 'name'>): string {
  return `${stack}/${valueKey(mount)}`
}

/** External ones belong to the machine: files that its administrator puts there. */
function originPath(
  paths: Paths,
  from: Exclude<FileMountSpec['from'], { readonly kind: 'value' }>,
): string {
  return from.kind === 'file'
    ? from.path
    : join(paths.state, 'external', encodeURIComponent(from.name))
}

function readContent(path: string): Uint8Array {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw new Error(`"${path}" is not a regular file`)
    if (stat.size > FILE_CONTENT_BYTES_MAX) {
      throw new Error(
        `"${path}" has ${stat.size} bytes; at most ${FILE_CONTENT_BYTES_MAX} are taken`,
      )
    }
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}
