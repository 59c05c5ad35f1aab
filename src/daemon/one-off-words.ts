/** The words of `run -v`, `-p` and `--entrypoint`, in the short forms of a stack file. */

import { resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import type { OneOffChanges } from '../planner/index.ts'
import { parsePort, parseVolume, splitWords } from '../spec/index.ts'
import type { ServiceMount, ServicePort, Stack, VolumeText } from '../spec/index.ts'
import type { RunOptions, StackInput } from './protocol.ts'

/** @throws UsageError for a word that cannot be read, or a volume that the stack does not have. */
export function changesOf(run: RunOptions, stack: Stack, input: StackInput): OneOffChanges {
  const { entrypoint, user, workingDir } = run
  return {
    command: run.command,
    ...(entrypoint === undefined ? {} : { entrypoint: wordsOf(entrypoint) }),
    environment: run.environment,
    labels: run.labels,
    ...(user === undefined ? {} : { user }),
    ...(workingDir === undefined ? {} : { workingDir }),
    mounts: run.volumes.map((text) => mountOf(text, stack, input)),
    ports: run.publish.flatMap(portsOf),
    servicePorts: run.servicePorts,
    useAliases: run.useAliases,
    capAdd: run.capAdd,
    capDrop: run.capDrop,
  }
}

function wordsOf(text: string): readonly string[] {
  const words = splitWords(text)
  if (typeof words !== 'string') return words.words
  throw new UsageError(`Cannot read --entrypoint "${text}": ${words}`)
}

function portsOf(text: string): readonly ServicePort[] {
  const ports = parsePort(text)
  if (typeof ports === 'string') throw new UsageError(`Cannot read --publish "${text}": ${ports}`)
  return ports.map(({ hostIp, ...rest }) => ({
    ...rest,
    ...(hostIp === undefined ? {} : { host_ip: hostIp }),
  }))
}

function mountOf(text: string, stack: Stack, { cwd, env }: StackInput): ServiceMount {
  const volume = parseVolume(text)
  if (typeof volume === 'string') {
    throw new UsageError(`Cannot read --volume "${text}": ${volume}`)
  }
  const { type, source, target } = volume
  if (!target.startsWith('/')) {
    throw new UsageError(`Cannot read --volume "${text}": "${target}" is no absolute path`, {
      hint: 'write it as SOURCE:TARGET, both from the root of their file systems',
    })
  }
  if (type === 'volume') return namedMount(volume, stack)
  const { readOnly = false, propagation } = volume
  const path = resolve(cwd, (source ?? '').replace(/^~(?=\/|$)/, env['HOME'] ?? '/root'))
  const bind = propagation === undefined ? {} : { propagation }
  return { type, source: path, target, read_only: readOnly, bind }
}

function namedMount(volume: VolumeText, stack: Stack): ServiceMount {
  const { source, target, readOnly = false, nocopy = false } = volume
  const common = { type: 'volume', target, read_only: readOnly, volume: { nocopy } } as const
  if (source === undefined) return common
  const known = Object.keys(stack.volumes ?? {})
  if (known.includes(source)) return { ...common, source }
  throw new UsageError(`Cannot mount volume "${source}": stack "${stack.name}" has no such one`, {
    hint: `it has ${known.length === 0 ? 'none' : known.join(', ')}; a path begins with "/" or "."`,
  })
}
