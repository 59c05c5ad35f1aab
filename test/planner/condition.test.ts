import { describe, expect, test } from 'vitest'
import {
  judgeCondition,
  type Dependency,
  type Healthcheck,
  type ObservedContainer,
} from '../../src/planner/index.ts'
import { observedOf, specOf } from './world.ts'

const HEALTHCHECK: Healthcheck = {
  test: ['true'],
  intervalMs: 1,
  timeoutMs: 1,
  retries: 1,
  startPeriodMs: 0,
  startIntervalMs: 1,
}

function judge(
  condition: Dependency['condition'],
  observed: string,
  fields: Partial<ObservedContainer> = {},
): string {
  const replicas = observedOf(observed).containers.map((each) => ({ ...each, ...fields }))
  const dependency = { service: 'db', condition, required: true, restart: false }
  const found = judgeCondition(dependency, replicas)
  if (found.kind === 'met') return 'met'
  return found.kind === 'waiting' ? `waiting for ${found.for}` : found.reason
}

describe('judgeCondition() of service_started', () => {
  test.each([
    ['', {}, 'met'],
    ['db.1 running', {}, 'met'],
    ['db.1 exited 1', {}, 'met'],
    ['db.1 restarting 1', {}, 'met'],
    ['db.1 created', {}, '"db.1" was not started'],
    ['db.1 running, db.2 created', {}, '"db.2" was not started'],
    ['db.1 created', { failure: 'no image' }, '"db.1" was not started: no image'],
  ] as const)('judgeCondition() of "%s" %o is: %s', (observed, fields, expected) => {
    expect(judge('service_started', observed, fields)).toBe(expected)
  })
})

describe('judgeCondition() of service_healthy', () => {
  const spec = specOf({ healthcheck: HEALTHCHECK })
  test.each([
    ['db.1 running', { health: 'healthy' }, 'met'],
    ['db.1 running', { health: 'starting' }, 'waiting for "db.1" to be healthy'],
    ['db.1 running', { health: 'unhealthy' }, '"db.1" is unhealthy'],
    ['db.1 created', {}, '"db.1" was not started'],
    ['db.1 restarting', { health: 'starting' }, 'waiting for "db.1" to be healthy'],
    ['db.1 exited 1', {}, '"db.1" exited with 1'],
    ['db.1 exited 137', { oomKilled: true }, '"db.1" exited with 137, killed by its memory limit'],
  ] as const)('judgeCondition() of "%s" %o is: %s', (observed, fields, expected) => {
    expect(judge('service_healthy', observed, { spec, ...fields })).toBe(expected)
  })
  test('judgeCondition() fails at once without a healthcheck', () => {
    expect(judge('service_healthy', 'db.1 running')).toBe(
      '"db.1" has no healthcheck, so it is never healthy',
    )
  })
})

describe('judgeCondition() of service_completed_successfully', () => {
  test.each([
    ['db.1 exited 0', {}, 'met'],
    ['db.1 running', {}, 'waiting for "db.1" to complete'],
    ['db.1 restarting 1', {}, 'waiting for "db.1" to complete'],
    ['db.1 exited 3', {}, '"db.1" exited with 3'],
    ['db.1 created', { failure: 'no image' }, '"db.1" was not started: no image'],
  ] as const)('judgeCondition() of "%s" %o is: %s', (observed, fields, expected) => {
    expect(judge('service_completed_successfully', observed, fields)).toBe(expected)
  })
})
