import { expect, test } from 'vitest'
import { startsAtBoot } from '../../src/planner/index.ts'
import type { ObservedContainer, RestartPolicy } from '../../src/planner/index.ts'
import { specOf } from './world.ts'

const ended = (attempt: number, exitCode = 0) => ({
  history: [{ attempt, startedAt: 1, finishedAt: 2, exitCode, oomKilled: false }],
})

const starts = (
  condition: RestartPolicy['condition'],
  fields: Partial<ObservedContainer> = {},
): boolean =>
  startsAtBoot({
    name: 'web.1',
    service: 'web',
    index: 1,
    spec: specOf({ restart: { condition } }),
    dependsOn: [],
    state: 'exited',
    health: 'none',
    attempt: 1,
    oomKilled: false,
    stoppedByUser: false,
    addresses: [],
    ports: [],
    ...fields,
  })

test('what was running when the machine went down starts again, whatever its policy', () => {
  for (const condition of ['no', 'on-failure', 'unless-stopped', 'always'] as const) {
    expect(starts(condition, { attempt: 3, ...ended(2) })).toBe(true)
  }
})

test('what had ended by itself stays so, unless its policy says otherwise', () => {
  expect(starts('no', ended(1))).toBe(false)
  expect(starts('on-failure', ended(1, 3))).toBe(false)
  expect(starts('unless-stopped', ended(1))).toBe(true)
  expect(starts('always', ended(1))).toBe(true)
})

test('what was stopped by hand starts again only when it is always to run, as with Docker', () => {
  const stopped = { stoppedByUser: true, ...ended(1) }
  expect(starts('unless-stopped', stopped)).toBe(false)
  expect(starts('no', stopped)).toBe(false)
  expect(starts('always', stopped)).toBe(true)
})

test('what was only created is not started', () => {
  expect(starts('always', { attempt: 0, state: 'created' })).toBe(false)
})
