/** Whoever waits for an end that has been must not wait for ever. */
import { expect, test } from 'vitest'
import { onAbort } from '../../src/engine/index.ts'

test('onAbort() tells of what is aborted later, of what was before, and nothing when disposed', () => {
  const told: string[] = []
  const later = new AbortController()
  using _later = onAbort(later.signal, () => told.push('later'))
  using _before = onAbort(AbortSignal.abort(), () => told.push('before'))
  const never = new AbortController()
  onAbort(never.signal, () => told.push('never'))[Symbol.dispose]()
  later.abort()
  never.abort()
  expect(told).toEqual(['before', 'later'])
})
