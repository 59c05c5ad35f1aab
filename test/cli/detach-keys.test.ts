import { expect, test } from 'vitest'
import { DetachKeys, parseDetachKeys } from '../../src/cli/detach-keys.ts'

const KEYS = parseDetachKeys('ctrl-p,ctrl-q')

/** What goes to the program of these packets, and whether it ended by the keys. */
function type(...packets: readonly string[]): readonly [string, boolean] {
  const keys = new DetachKeys(KEYS)
  const results = packets.map((packet) => keys.push(Buffer.from(packet, 'latin1')))
  const passed = results.map((each) => each.passed.toString('latin1')).join('')
  return [passed, results.some(({ isDetached }) => isDetached)]
}

test('parseDetachKeys() reads characters and control characters', () => {
  expect(KEYS).toEqual(Buffer.from([16, 17]))
  expect(parseDetachKeys('a,ctrl-@,ctrl-[')).toEqual(Buffer.from([97, 0, 27]))
  expect(() => parseDetachKeys('ctrl-p,escape')).toThrow('"escape" is no key')
  expect(() => parseDetachKeys('')).toThrow('is no key')
})

test('DetachKeys passes everything on but the sequence, torn apart or not', () => {
  expect(type('hello')).toEqual(['hello', false])
  expect(type('a\x10\x11b')).toEqual(['a', true])
  expect(type('a\x10', '\x11')).toEqual(['a', true])
  expect(type('a\x10', 'b')).toEqual(['a\x10b', false])
  expect(type('\x10\x10\x11')).toEqual(['\x10', true])
  expect(type('\x10x\x11')).toEqual(['\x10x\x11', false])
})
