import { expect, test } from 'vitest'
import { containerJson, portsText, stateText } from '../../src/cli/container-text.ts'
import type { ObservedContainer } from '../../src/planner/index.ts'

const NOW = 1_000_000_000

/** A container with these fields; what the functions do not look at is left out. */
const container = (fields: Partial<ObservedContainer>): ObservedContainer =>
  ({
    name: 'shop-web-1',
    service: 'web',
    index: 1,
    spec: { image: 'host:', environment: { TOKEN: 'secret' } },
    state: 'running',
    health: 'none',
    attempt: 1,
    oomKilled: false,
    stoppedByUser: false,
    addresses: [],
    ports: [],
    dependsOn: [],
    ...fields,
  }) as unknown as ObservedContainer

test.each([
  ['running 3 minutes', { startedAt: NOW - 180_000 }],
  ['exited (0) 2 seconds ago', { state: 'exited', exitCode: 0, finishedAt: NOW - 2000 }],
  [
    'exited (137) 1 hour ago, out of memory',
    { state: 'exited', exitCode: 137, finishedAt: NOW - 3_600_000, oomKilled: true },
  ],
  ['restarting (1)', { state: 'restarting', exitCode: 1 }],
  [
    'restarting (1), again in 3 seconds after 2 restarts',
    { state: 'restarting', exitCode: 1, nextStartAt: NOW + 3000, restarts: 2 },
  ],
  ['created', { state: 'created' }],
  ['failed to start', { state: 'created', failure: 'no such image' }],
] as const)('stateText() says "%s"', (text, fields) => {
  expect(stateText(container(fields), NOW)).toBe(text)
})

test('portsText() writes ports as Docker does, and brackets around IPv6', () => {
  const ports = [
    { hostIp: '0.0.0.0', published: 8080, target: 80, protocol: 'tcp' },
    { hostIp: '::1', published: 53, target: 53, protocol: 'udp' },
  ] as const
  expect(portsText(container({ ports }))).toBe('0.0.0.0:8080->80/tcp, [::1]:53->53/udp')
  expect(portsText(container({}))).toBe('-')
})

test('containerJson() has no value of the environment, and null for what is not there', () => {
  const json = containerJson(container({ startedAt: 0 }), 'shop')
  expect(JSON.stringify(json)).not.toContain('secret')
  expect(json).toMatchObject({
    stack: 'shop',
    pid: null,
    exitCode: null,
    startedAt: '1970-01-01T00:00:00.000Z',
  })
})
