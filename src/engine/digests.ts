/**
 * Takes what is secret out of a desired state, and puts keyed hashes in its place: a change of the
 * content is a difference like any other, and nothing that is written down tells what it was.
 */

import { createHmac, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type ContainerSpec,
  type DesiredState,
  type FileMountSpec,
  mapPlaces,
  type MountSpec,
} from '../planner/index.ts'
import { contentOf } from './container/file-contents.ts'
import type { Machine } from './machine.ts'

/** Remembers the values that come with `desired`. What cannot be read has no hash: its start says why. */
export function withDigests(machine: Machine, desired: DesiredState): DesiredState {
  const { values, ...rest } = desired
  for (const [key, value] of Object.entries(values ?? {})) {
    machine.values.set(`${desired.stack}/${key}`, value)
  }
  return mapPlaces(rest, (container) => {
    const spec = digestedSpec(machine, desired.stack, container)
    return spec === container.spec ? container : { ...container, spec }
  })
}

/** Keyed, so that a hash in a record lets nobody try out guesses of a short secret. */
export function digestOf(machine: Machine, content: Uint8Array): string {
  return createHmac('sha256', keyOf(machine)).update(content).digest('hex').slice(0, 32)
}

function digestedSpec(
  machine: Machine,
  stack: string,
  { name, spec }: { readonly name: string; readonly spec: ContainerSpec },
): ContainerSpec {
  const hasFiles = spec.mounts.some(({ kind }) => kind === 'file')
  const { seccomp } = spec
  if (!hasFiles && typeof seccomp === 'string') return spec
  const digested = (mount: MountSpec): MountSpec =>
    mount.kind === 'file' ? digestedMount(machine, { stack, container: name, mount }) : mount
  return {
    ...spec,
    mounts: spec.mounts.map(digested),
    ...(typeof seccomp === 'string'
      ? {}
      : { seccomp: { ...seccomp, ...digestField(machine, () => readFileSync(seccomp.file)) } }),
  }
}

function digestedMount(
  machine: Machine,
  wanted: { readonly stack: string; readonly container: string; readonly mount: FileMountSpec },
): FileMountSpec {
  return { ...wanted.mount, ...digestField(machine, () => contentOf(machine, wanted)) }
}

function digestField(machine: Machine, read: () => Uint8Array): { readonly digest?: string } {
  try {
    return { digest: digestOf(machine, read()) }
  } catch {
    return {}
  }
}

const keys = new Map<string, Buffer>()
const KEY_BYTES = 32

/** Made once for each state root. */
export function keyOf({ paths }: Pick<Machine, 'paths'>): Buffer {
  const known = keys.get(paths.state)
  if (known) return known
  const file = join(paths.state, 'digest-key')
  if (!existsSync(file)) writeFileSync(file, randomBytes(KEY_BYTES), { mode: 0o600, flag: 'wx' })
  const key = readFileSync(file)
  keys.set(paths.state, key)
  return key
}
