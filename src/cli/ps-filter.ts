/** Which containers `ps` lists: `--status exited`, `--filter service=web`. */

import { InvalidArgumentError } from 'commander'
import type { ContainerState } from '../planner/index.ts'

export interface PsFilter {
  readonly state?: ContainerState
  readonly service?: string
}

const STATES = ['created', 'running', 'paused', 'restarting', 'exited'] as const
/** States of Docker's that a container never has here: asking for them finds nothing. */
const NEVER: readonly string[] = ['removing', 'dead']

export function collectState(
  value: string,
  before: readonly (ContainerState | 'never')[] = [],
): readonly (ContainerState | 'never')[] {
  return [...before, stateOf(value)]
}

export function collectFilter(
  value: string,
  before: readonly PsFilter[] = [],
): readonly PsFilter[] {
  const [, key = '', wanted = ''] = /^(\w+)=(.+)$/.exec(value) ?? []
  if (key === 'status') return [...before, { state: stateOf(wanted) as ContainerState }]
  if (key === 'service') return [...before, { service: wanted }]
  throw new InvalidArgumentError('it is status=STATE or service=NAME.')
}

function stateOf(value: string): ContainerState | 'never' {
  const state = STATES.find((each) => each === value)
  if (state !== undefined) return state
  if (NEVER.includes(value)) return 'never'
  throw new InvalidArgumentError(`it is one of ${STATES.join(', ')}.`)
}
