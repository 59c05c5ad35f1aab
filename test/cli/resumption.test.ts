/** What is asked of the next supervisor, when one goes away. */
import { expect, test } from 'vitest'
import { Resumption } from '../../src/cli/resumption.ts'
import type { Request } from '../../src/daemon/index.ts'

const input = { cwd: '/', env: {} }

test.each([
  { kind: 'events', input, services: [] },
  { kind: 'usage', input, services: [] },
  { kind: 'plan-down', input, options: {} },
] as const)('%j is asked again while nothing was heard, and not after that', (request) => {
  const resumption = new Resumption(request)
  expect(resumption.next()).toBe(request)
  resumption.hear({ kind: 'message', message: { kind: 'stacks', stacks: [] } })
  expect(resumption.next()).toBeUndefined()
})

test('what may have been done already is not asked again', () => {
  const volume = { kind: 'volume', command: { kind: 'remove', names: ['a'] } }
  expect(new Resumption(volume as unknown as Request).next()).toBeUndefined()
})
