/** How long actions took, as it is remembered. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Outcome, Paths } from '../../src/engine/index.ts'
import { addTimings, readUsualMs } from '../../src/engine/records/timings.ts'
import { TIMINGS_MAX } from '../../src/limits.ts'
import type { Action } from '../../src/planner/index.ts'

let paths: Paths
beforeEach(() => {
  paths = { state: mkdtempSync(join(tmpdir(), 'timings-')), run: '/nowhere', rootId: '01234567' }
})
afterEach(() => rmSync(paths.state, { recursive: true, force: true }))

function start(name: string): Action {
  const id = `start-container:${name}`
  return { id, after: [], reason: '', kind: 'start-container', name, service: name, waitFor: [] }
}

const done = (name: string, tookMs: number): Outcome => ({
  kind: 'done',
  action: start(name),
  tookMs,
})

test('the very action counts, else its kind; the latest times weigh most', () => {
  expect(readUsualMs(paths)(start('web'))).toBeUndefined()
  addTimings(paths, [done('web', 100)])
  addTimings(paths, [done('web', 200), { kind: 'skipped', action: start('db'), because: '' }])
  expect(readUsualMs(paths)(start('web'))).toBe(130)
  expect(readUsualMs(paths)(start('other'))).toBe(130)
})

test('so many are kept, and what cannot be read is forgotten', () => {
  const many = Array.from({ length: TIMINGS_MAX + 10 }, (_, at) => done(`s${at}`, 5000 + at))
  addTimings(paths, many)
  expect(readUsualMs(paths)(start(`s${TIMINGS_MAX + 9}`))).toBe(5000 + TIMINGS_MAX + 9)
  writeFileSync(join(paths.state, 'timings.json'), '{"usualMs": {"start-container": "soon"}}')
  expect(readUsualMs(paths)(start('web'))).toBeUndefined()
})
