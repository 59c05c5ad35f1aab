import { expect, test } from 'vitest'
import { SpecError, UsageError } from '../../src/errors.ts'
import { InvalidStack, RemoteError, toWire } from '../../src/daemon/wire-error.ts'

/** An error after its way through the socket. */
const sent = (error: unknown): RemoteError =>
  new RemoteError(JSON.parse(JSON.stringify(toWire(error))))

test('toWire() and RemoteError keep code, message and hint', () => {
  const error = sent(new UsageError('Cannot do it', { code: 'NO_STACK', hint: 'do another' }))
  expect(error).toMatchObject({ code: 'NO_STACK', message: 'Cannot do it', hint: 'do another' })
})

test('toWire() makes what is no error of ours INTERNAL, with the stack of where it happened', () => {
  const error = sent(new TypeError('x is undefined'))
  expect(error).toMatchObject({ code: 'INTERNAL', message: 'x is undefined' })
  expect(error.remoteStack).toContain('wire-error.fast.test.ts')
  expect(sent('just text')).toMatchObject({ code: 'INTERNAL', message: 'just text' })
})

test('toWire() keeps the diagnostics of a stack file as they are shown', () => {
  const error = sent(new InvalidStack(new SpecError('two errors', []), 'a.yaml:1:2: error: no\n'))
  expect(error).toMatchObject({ code: 'INVALID_STACK', rendered: 'a.yaml:1:2: error: no\n' })
})

test('RemoteError takes a code that it does not know for INTERNAL', () => {
  const wire = { name: 'X', code: 'FROM_THE_FUTURE' as 'INTERNAL', message: 'new' }
  expect(new RemoteError(wire).code).toBe('INTERNAL')
})
