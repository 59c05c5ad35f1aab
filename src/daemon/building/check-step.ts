/** Checks the step of a build that a client sends. */

import type { StepMount } from '../../engine/index.ts'
import { UsageError } from '../../errors.ts'
import { type Check, count, flag, listOf, plainObject, recordOf, shape, text } from '../check.ts'
import { textLike } from '../check.ts'
import type { BuildStepRequest } from '../protocol.ts'

const absolutePath = textLike(/^\/[^\0]*$/, 'an absolute path')

const network: Check<BuildStepRequest['network']> = (value, place) => {
  const name = text(value, place)
  if (name === 'default' || name === 'none' || name === 'host') return name
  throw new UsageError(`Cannot understand the request: "${place}" has to be a kind of network`)
}

/** -1: none. */
const limit: Check<number> = (value, place) => (value === -1 ? -1 : count(value, place))

const bind = shape<Extract<StepMount, { kind: 'bind' }>>(
  { kind: () => 'bind', source: absolutePath, target: absolutePath, readOnly: flag },
  ['kind', 'source', 'target', 'readOnly'],
)
const tmpfs = shape<Extract<StepMount, { kind: 'tmpfs' }>>(
  { kind: () => 'tmpfs', target: absolutePath, sizeBytes: count },
  ['kind', 'target'],
)

const mount: Check<StepMount> = (value, place) =>
  plainObject(value, place)['kind'] === 'bind' ? bind(value, place) : tmpfs(value, place)

/** The sender is root, as we are: what it says is done. */
export const buildStep: Check<BuildStepRequest> = shape<BuildStepRequest>(
  {
    lowers: listOf(absolutePath),
    upper: absolutePath,
    args: listOf(text),
    environment: recordOf(text),
    workingDir: absolutePath,
    user: text,
    network,
    mounts: listOf(mount),
    extraHosts: listOf(shape({ name: text, address: text }, ['name', 'address'])),
    shmBytes: count,
    ulimits: recordOf(shape({ soft: limit, hard: limit }, ['soft', 'hard'])),
    memoryBytesMax: count,
  },
  ['lowers', 'upper', 'args', 'environment', 'workingDir', 'network', 'mounts', 'extraHosts'],
)
