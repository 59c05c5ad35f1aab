/** Messages of D-Bus, as systemd reads and writes them. */
import { expect, test } from 'vitest'
import {
  bodyOf,
  decodeMessage,
  encodeMessage,
  FIELD,
  METHOD_CALL,
  type Message,
  type Value,
} from '../../src/oci/systemd-wire.ts'

const message = (signature: string, body: readonly Value[]): Message => ({
  type: METHOD_CALL,
  fields: new Map<number, Value>([
    [FIELD.path, '/a'],
    [FIELD.member, 'Do'],
    [FIELD.signature, signature],
  ]),
  body,
})

test('a message has the bytes of the specification, each value at its boundary', () => {
  const bytes = encodeMessage(message('sb', ['hello', true]), 7)
  const parts = [
    // Little-endian, a call, no flags, version 1; length of the body, serial, length of the fields.
    'l\x01\0\x01', '\x10\0\0\0', '\x07\0\0\0', '\x28\0\0\0',
    '\x01\x01o\0', '\x02\0\0\0/a\0', '\0\0\0\0\0',
    '\x03\x01s\0', '\x02\0\0\0Do\0', '\0\0\0\0\0',
    '\x08\x01g\0', '\x02sb\0',
    // The body begins at eight: a text, its NUL, and a truth at four.
    '\x05\0\0\0hello\0', '\0\0', '\x01\0\0\0',
  ] // oxfmt-ignore
  expect(bytes.toString('latin1')).toBe(parts.join(''))
})

test.for<readonly [string, readonly Value[]]>([
  ['', []],
  ['s', ['ünï']],
  ['ouusg', ['/job/7', 7, 4_294_967_295, '', 'a(sv)']],
  ['as', [['one', 'two', 'three']]],
  [
    'a(sas)s',
    [
      [
        ['x', ['y', 'z']],
        ['', []],
      ],
      'end',
    ],
  ],
  ['auy', [[], 9]],
  ['(s(ub))', [['deep', [1, 1]]]],
])('what is written as "%s" is read as it was', ([signature, body]) => {
  const bytes = encodeMessage(message(signature, body), 1)
  const { message: heard, length } = decodeMessage(bytes) ?? { length: 0 }
  expect(length).toBe(bytes.length)
  expect(heard && bodyOf(heard)).toEqual(body)
})

test('a message that has not come whole is waited for, and another may follow it', () => {
  const bytes = encodeMessage(message('s', ['text']), 1)
  for (let end = 0; end < bytes.length; end += 1) {
    expect(decodeMessage(bytes.subarray(0, end))).toBe(undefined)
  }
  expect(decodeMessage(Buffer.concat([bytes, bytes]))?.length).toBe(bytes.length)
})

test('a type that is not known is no hindrance while nobody looks', () => {
  const bytes = encodeMessage({ ...message('', []), body: [] }, 1)
  const fields = new Map<number, Value>([[FIELD.signature, 'a{sv}']])
  const heard = decodeMessage(bytes)?.message
  expect(heard?.content.length).toBe(0)
  expect(() => bodyOf({ type: 4, fields, content: Buffer.alloc(16, 1) })).toThrow(/type "{"/)
})
