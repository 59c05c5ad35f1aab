/** Records are read whole or not at all, and what is broken is kept. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  decodeAttemptStatus,
  exitCodeOf,
  STARTED_BYTES,
  STATUS_BYTES,
  STATUS_MAGIC,
  STATUS_OFFSETS,
} from '../../src/engine/records/attempt.ts'
import { readRecord, RECORD_VERSION, writeRecord } from '../../src/engine/records/file.ts'

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsstack-records-'))
  path = join(directory, 'record.json')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const isNamed = (value: object): value is { readonly name: string } =>
  'name' in value && typeof value.name === 'string'

test.for([false, true])(
  'readRecord() gives back what writeRecord() wrote, durable %s',
  (durable) => {
    writeRecord(path, { name: 'old' }, { durable })
    writeRecord(path, { name: 'web', list: [1, 2] }, { durable })
    expect(readRecord(path, isNamed)).toEqual({
      version: RECORD_VERSION,
      name: 'web',
      list: [1, 2],
    })
    expect(readdirSync(directory)).toEqual(['record.json'])
  },
)

test('readRecord() of a record that is not there is undefined', () => {
  expect(readRecord(path, isNamed)).toBeUndefined()
})

test.for(['', '{', 'null', '42', '"text"', '{"version":1}', '{"version":1,"name":7}', '\0\0\0\0'])(
  'readRecord() sets %j aside and keeps it',
  (text) => {
    writeFileSync(path, text)
    expect(readRecord(path, isNamed)).toBeUndefined()
    expect(existsSync(path)).toBe(false)
    expect(readFileSync(`${path}.broken`, 'utf8')).toBe(text)
  },
)

test('readRecord() keeps a record of a newer version aside', () => {
  const text = JSON.stringify({ version: RECORD_VERSION + 1, name: 'web' })
  writeFileSync(path, text)
  expect(readRecord(path, isNamed)).toBeUndefined()
  expect(readFileSync(`${path}.broken`, 'utf8')).toBe(text)
})

test('readRecord() can refuse a record of a newer version, and leaves it in its place', () => {
  const text = JSON.stringify({ version: RECORD_VERSION + 1, name: 'web' })
  writeFileSync(path, text)
  expect(() => readRecord(path, isNamed, { newer: 'refuse' })).toThrow(
    `Cannot read record "${path}": it has version ${RECORD_VERSION + 1}, ` +
      `this tsstack knows ${RECORD_VERSION}`,
  )
  expect(readFileSync(path, 'utf8')).toBe(text)
})

test('writeRecord() that cannot be finished leaves the old record', () => {
  writeRecord(path, { name: 'old' })
  const circular: { name: string; self?: object } = { name: 'new' }
  circular.self = circular
  expect(() => writeRecord(path, circular)).toThrow()
  expect(readRecord(path, isNamed)).toMatchObject({ name: 'old' })
})

/** A status file as a monitor writes it. */
function status(words: Partial<Record<keyof typeof STATUS_OFFSETS, bigint>>): Buffer {
  const bytes = Buffer.alloc(STATUS_BYTES)
  bytes.writeBigUInt64LE(STATUS_MAGIC, STATUS_OFFSETS.magic)
  for (const [name, value] of Object.entries(words)) {
    bytes.writeBigUInt64LE(value, STATUS_OFFSETS[name as keyof typeof STATUS_OFFSETS])
  }
  return bytes
}

const STARTED = { pid: 4711n, startedSeconds: 1_700_000_000n, startedNanoseconds: 123_999_999n }
const ENDED = {
  ended: 1n,
  waitStatus: 0x0700n,
  endedSeconds: 1_700_000_002n,
  endedNanoseconds: 5_000_000n,
}

test('decodeAttemptStatus() reads a start, and a start and an end', () => {
  const started = { pid: 4711, startedAt: 1_700_000_000_123 }
  expect(decodeAttemptStatus(status(STARTED).subarray(0, STARTED_BYTES))).toEqual(started)
  expect(decodeAttemptStatus(status(STARTED))).toEqual(started)
  expect(decodeAttemptStatus(status({ ...STARTED, ...ENDED }))).toEqual({
    ...started,
    ended: { exitCode: 7, at: 1_700_000_002_005 },
  })
})

test('decodeAttemptStatus() takes nothing that is no status file', () => {
  const whole = status({ ...STARTED, ...ENDED })
  expect(decodeAttemptStatus(Buffer.alloc(0))).toBeUndefined()
  expect(decodeAttemptStatus(whole.subarray(0, STARTED_BYTES - 1))).toBeUndefined()
  expect(decodeAttemptStatus(Buffer.alloc(STATUS_BYTES))).toBeUndefined()
  expect(decodeAttemptStatus(Buffer.alloc(STATUS_BYTES, 'TSSTACK2'))).toBeUndefined()
  // An end that is only half written is none.
  expect(decodeAttemptStatus(whole.subarray(0, STATUS_BYTES - 1))?.ended).toBeUndefined()
})

test.for([
  [0x0000, 0],
  [0x2a00, 42],
  [0xff00, 255],
  [9, 137],
  [15, 143],
  [0x80 | 11, 139],
] as const)('exitCodeOf(%i) is %i', ([waitStatus, exitCode]) => {
  expect(exitCodeOf(waitStatus)).toBe(exitCode)
})
