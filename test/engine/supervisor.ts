/**
 * A supervisor to be killed: makes an engine on the directories of argv, applies the desired state
 * that comes as JSON in argv, says "up", and stays.
 */
import { createEngine } from '../../src/engine/index.ts'
import type { DesiredState } from '../../src/planner/index.ts'

const [, , stateDirectory = '', runDirectory = '', json = ''] = process.argv
const engine = await createEngine({ stateDirectory, runDirectory })
const desired = JSON.parse(json) as DesiredState
const { outcomes } = await engine.apply(desired.stack, desired, {})
process.stdout.write(`${JSON.stringify(outcomes.map(({ kind }) => kind))}\n`)
setInterval(() => {}, 1_000_000)
