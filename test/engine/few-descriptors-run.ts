/**
 * An engine that runs out of descriptors: makes one on the directories of argv, and for each number
 * of them takes the stack up and down with so many left from its first action on. Writes what came
 * of it, as JSON, and ends.
 */
import { readdirSync } from 'node:fs'
import { type ApplyOptions, createEngine } from '../../src/engine/index.ts'
import { getRlimit, setRlimit } from '../../src/linux/index.ts'
import type { DesiredState } from '../../src/planner/index.ts'

/** A number of descriptors, and what every action said that failed with so many. */
export interface Round {
  readonly left: number
  readonly said: readonly string[]
  /** The same again with all descriptors: nothing is to fail. */
  readonly saidAfter: readonly string[]
  /** Descriptors that are open when everything is down. */
  readonly open: number
}

const [, , stateDirectory = '', runDirectory = '', json = ''] = process.argv
/** Each makes another step of a start fail. */
const LEFT = [0, 1, 2, 5, 7, 8, 9, 12, 15, 20, 25]
const desired = JSON.parse(json) as DesiredState
const { stack } = desired
const { soft, hard } = getRlimit('nofile')
const engine = await createEngine({ stateDirectory, runDirectory })

const rounds: Round[] = []
// The first ones, with enough, open what is opened once.
for (const left of [undefined, undefined, ...LEFT]) {
  const said = await change(desired, left)
  const saidAfter = await change(desired)
  said.push(...(await change(undefined, left)))
  saidAfter.push(...(await change(undefined)))
  if (left !== undefined) rounds.push({ left, said, saidAfter, open: openFiles().length })
}
process.stdout.write(JSON.stringify(rounds))
await engine.close()

async function change(wanted: DesiredState | undefined, left?: number): Promise<string[]> {
  let isLimited = false
  const onEvent: ApplyOptions['onEvent'] = (event) => {
    if (left === undefined || isLimited || event.kind !== 'action') return
    if (event.action.kind !== 'start-container' && wanted !== undefined) return
    isLimited = true
    setRlimit('nofile', { soft: BigInt(limitFor(left)), hard })
  }
  try {
    const { outcomes } = await engine.apply(stack, wanted, { onEvent })
    return outcomes.flatMap((one) => (one.kind === 'failed' ? [one.error.message] : []))
  } catch (error) {
    return [String(error)]
  } finally {
    setRlimit('nofile', { soft, hard })
  }
}

/** Below which number so many are free. */
function limitFor(left: number): number {
  const open = new Set(openFiles())
  let free = 0
  for (let number = 0; ; number += 1) {
    if (open.has(number)) continue
    if (free === left) return number
    free += 1
  }
}

/** Without the one that lists them. */
function openFiles(): readonly number[] {
  const listed = readdirSync('/proc/self/fd').map(Number)
  return listed.slice(0, -1)
}
