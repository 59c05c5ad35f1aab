import { expect, test } from 'vitest'
import { judgeReady } from '../../src/planner/index.ts'
import type { ObservedContainer } from '../../src/planner/index.ts'
import { specOf } from './world.ts'

const judge = (fields: Partial<ObservedContainer>): string => {
  const readiness = judgeReady({
    name: 'web.1',
    service: 'web',
    index: 1,
    spec: specOf(),
    dependsOn: [],
    state: 'running',
    health: 'none',
    attempt: 1,
    oomKilled: false,
    stoppedByUser: false,
    addresses: [],
    ports: [],
    ...fields,
  })
  return readiness.kind === 'ready' ? 'ready' : `${readiness.kind}: ${readiness.reason}`
}

const always = specOf({ restart: { condition: 'always' } })

test.each([
  ['ready', { state: 'running' }],
  ['ready', { state: 'running', health: 'healthy' }],
  ['waiting: "web.1" is not healthy yet', { state: 'running', health: 'starting' }],
  ['failed: "web.1" is unhealthy', { state: 'running', health: 'unhealthy' }],
  ['ready', { state: 'exited', exitCode: 0 }],
  ['failed: "web.1" exited with 3', { state: 'exited', exitCode: 3 }],
  ['failed: "web.1" exited with 0', { state: 'exited', exitCode: 0, spec: always }],
  ['waiting: "web.1" is restarting', { state: 'restarting', exitCode: 1, spec: always }],
  ['failed: "web.1" was not started: no image', { state: 'created', failure: 'no image' }],
] as const)('judgeReady() says "%s"', (wanted, fields) => {
  expect(judge(fields)).toBe(wanted)
})
