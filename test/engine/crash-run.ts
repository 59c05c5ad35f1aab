/**
 * A supervisor that is killed at one of its side effects: makes an engine on the directories of
 * argv, applies the desired state that comes as JSON in argv ('' for none), and ends.
 */
import { createEngine } from '../../src/engine/index.ts'
import { countFileChanges } from '../../src/linux/index.ts'
import type { DesiredState } from '../../src/planner/index.ts'

const [, , stateDirectory = '', runDirectory = '', stack = '', json = ''] = process.argv
countFileChanges()
const engine = await createEngine({ stateDirectory, runDirectory })
const desired = json === '' ? undefined : (JSON.parse(json) as DesiredState)
const { outcomes } = await engine.apply(stack, desired, { volumes: desired === undefined })
const bad = outcomes.filter(({ kind }) => kind !== 'done')
if (bad.length > 0) process.stdout.write(JSON.stringify(bad))
await engine.close()
