/** The log format: records into lines, whatever is damaged and wherever a read ends. */
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LogBlock, LogOptions } from '../../src/engine/index.ts'
import {
  decodeRecords,
  HEADER_BYTES,
  HEADER_OFFSETS,
  type LogStream,
  RECORD_BYTES_MAX,
  STREAM_MAGIC,
} from '../../src/engine/logs/format.ts'
import { LINE_BYTES_MAX, LineJoiner } from '../../src/engine/logs/lines.ts'
import { readLog } from '../../src/engine/logs/read.ts'
import { lastLines } from '../../src/engine/logs/tail.ts'
import { linesOf, type LogLine } from './log-lines.ts'

/** One record as the mover writes it, `seconds` after the epoch. */
function record(text: string, stream: LogStream = 'stdout', seconds = 1): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeBigUInt64LE(STREAM_MAGIC[stream], HEADER_OFFSETS.magic)
  header.writeBigUInt64LE(BigInt(Buffer.byteLength(text)), HEADER_OFFSETS.length)
  header.writeBigUInt64LE(BigInt(seconds), HEADER_OFFSETS.seconds)
  header.writeBigUInt64LE(7_000_000n, HEADER_OFFSETS.nanoseconds)
  return Buffer.concat([header, Buffer.from(text)])
}

const plain = (bytes: Buffer) =>
  decodeRecords(bytes).records.map((one) => [one.stream, one.bytes.toString()])

test('decodeRecords() reads streams, times and bytes', () => {
  const bytes = Buffer.concat([record('a\n'), record('b', 'stderr', 2)])
  expect(decodeRecords(bytes)).toEqual({
    records: [
      { stream: 'stdout', time: 1007, bytes: Buffer.from('a\n') },
      { stream: 'stderr', time: 2007, bytes: Buffer.from('b') },
    ],
    taken: bytes.length,
  })
})

test('decodeRecords() leaves an unfinished record for the next read, wherever it is cut', () => {
  const [first, second] = [record('first\n'), record('second\n')]
  const bytes = Buffer.concat([first, second])
  for (let length = 0; length < bytes.length; length += 1) {
    const { records, taken } = decodeRecords(bytes.subarray(0, length))
    expect(records.length).toBe(length < first.length ? 0 : 1)
    expect(taken).toBe(length < first.length ? 0 : first.length)
  }
})

test('decodeRecords() goes on after damage at the next record', () => {
  const damaged = record('lost')
  damaged.fill(0xff, 0, 8)
  expect(plain(Buffer.concat([record('a'), damaged, record('b', 'stderr')]))).toEqual([
    ['stdout', 'a'],
    ['stderr', 'b'],
  ])
  const garbage = Buffer.alloc(5000, 'TSSLOG')
  expect(plain(Buffer.concat([garbage, record('b')]))).toEqual([['stdout', 'b']])
})

test('decodeRecords() does not believe a length that no record has', () => {
  for (const length of [0n, BigInt(RECORD_BYTES_MAX) + 1n, 0xffff_ffff_ffff_ffffn]) {
    const lying = record('x')
    lying.writeBigUInt64LE(length, HEADER_OFFSETS.length)
    expect(plain(Buffer.concat([lying, record('good')]))).toEqual([['stdout', 'good']])
  }
})

test('decodeRecords() keeps the beginning of a magic at the end of damage', () => {
  const good = record('good')
  const bytes = Buffer.concat([Buffer.alloc(100, 'x'), good.subarray(0, 5)])
  const { records, taken } = decodeRecords(bytes)
  expect(records).toEqual([])
  const rest = Buffer.concat([bytes.subarray(taken), good.subarray(5)])
  expect(plain(rest)).toEqual([['stdout', 'good']])
})

const texts = (lines: readonly LogLine[]): readonly (readonly [string, boolean])[] =>
  lines.map(({ bytes, partial }) => [Buffer.from(bytes).toString(), partial])

function split(...records: readonly (readonly [string, LogStream])[]): readonly LogBlock[] {
  const joiner = new LineJoiner('web')
  const blocks = records.flatMap(([text, stream]) =>
    joiner.push({ stream, time: 1, bytes: Buffer.from(text) }),
  )
  return [...blocks, ...joiner.finish()]
}

test('LineJoiner joins a line over records, each stream for itself', () => {
  const lines = split(['a', 'stdout'], ['X', 'stderr'], ['b\nc', 'stdout'], ['Y\n', 'stderr'])
  expect(lines.map(({ stream, bytes }) => [stream, Buffer.from(bytes).toString()])).toEqual([
    ['stdout', 'ab\n'],
    ['stderr', 'XY\n'],
    ['stdout', 'c'],
  ])
})

test('LineJoiner keeps empty lines and carriage returns', () => {
  expect(texts(split(['\n\na\r\n', 'stdout']))).toEqual([['\n\na\r\n', false]])
})

test('LineJoiner gives a long line in parts, and bounded memory', () => {
  const piece = 'x'.repeat(RECORD_BYTES_MAX)
  const pieces = Array.from({ length: 9 }, () => [piece, 'stdout'] as const)
  const lines = split(...pieces, ['\nnext\n', 'stdout'])
  expect(lines.map(({ partial }) => partial)).toEqual([true, true, false, false])
  for (const { bytes } of lines)
    expect(bytes.length).toBeLessThan(LINE_BYTES_MAX + RECORD_BYTES_MAX)
  const total = lines.slice(0, -1).reduce((sum, { bytes }) => sum + bytes.length, 0)
  expect(total).toBe(9 * RECORD_BYTES_MAX + 1)
})

test('LineJoiner has the time of a line’s first byte', () => {
  const joiner = new LineJoiner('web')
  joiner.push({ stream: 'stdout', time: 10, bytes: Buffer.from('early ') })
  const [line] = joiner.push({ stream: 'stdout', time: 20, bytes: Buffer.from('late\n') })
  expect(line).toMatchObject({ container: 'web', time: 10 })
})

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsstack-log-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

async function read(options: Partial<LogOptions> = {}): Promise<readonly string[]> {
  const lines: LogLine[] = []
  const source = { container: 'web', directory, isComplete: () => true, onChange: () => () => {} }
  for await (const block of readLog(source, { follow: false, ...options })) {
    lines.push(...linesOf(block))
  }
  return texts(lines).map(([text]) => text)
}

test('readLog() reads segments from old to new, a line over their border joined', async () => {
  writeFileSync(join(directory, '0.log'), record('ond\nthird\n'))
  writeFileSync(join(directory, '1.log'), record('first\nsec'))
  writeFileSync(join(directory, 'other.txt'), 'no segment')
  expect(await read()).toEqual(['first', 'second', 'third'])
})

test('readLog() follows over a rotation that happens while it reads', async () => {
  writeFileSync(join(directory, '0.log'), record('one\n'))
  const bells: (() => void)[] = []
  let complete = false
  const source = {
    container: 'web',
    directory,
    isComplete: () => complete,
    onChange: (call: () => void) => {
      bells.push(call)
      return () => {}
    },
  }
  const seen: string[] = []
  for await (const line of readLog(source, { follow: true })) {
    const text = Buffer.from(line.bytes).toString().trimEnd()
    seen.push(text)
    if (text === 'one') {
      appendFileSync(join(directory, '0.log'), record('two\n'))
      renameSync(join(directory, '0.log'), join(directory, '1.log'))
      writeFileSync(join(directory, '0.log'), record('three\n'))
    }
    if (text === 'three') {
      appendFileSync(join(directory, '0.log'), record('four\n'))
      complete = true
      for (const ring of bells) ring()
    }
  }
  expect(seen).toEqual(['one', 'two', 'three', 'four'])
})

test('readLog() of a log that holds nothing is empty', async () => {
  expect(await read()).toEqual([])
  writeFileSync(join(directory, '0.log'), '')
  expect(await read({ tail: 5 })).toEqual([])
})

test('lastLines() gives as many lines as asked, whatever the blocks they come in', () => {
  const joined = Array.from({ length: 5000 }, (_, at) => `${at}\n`).join('')
  for (const size of [3, 7, 64, 1000, 5000]) {
    const joiner = new LineJoiner('web')
    const blocks = (function* () {
      for (let at = 0; at < joined.length; at += size) {
        const bytes = Buffer.from(joined.slice(at, at + size))
        yield* joiner.push({ stream: 'stdout', time: 1, bytes })
      }
    })()
    const last = lastLines(blocks, 100).map(({ bytes }) => Buffer.from(bytes).toString())
    expect(last.join('')).toBe(joined.slice(joined.indexOf('4900\n')))
  }
})

test('lastLines() of fewer lines than asked gives them all; a rest without newline is a line', () => {
  const blocks = [...split(['a\nb', 'stdout'])]
  expect(texts(lastLines(blocks, 10))).toEqual([
    ['a\n', false],
    ['b', true],
  ])
  expect(texts(lastLines(blocks, 1))).toEqual([['b', true]])
  expect(lastLines(blocks, 0)).toEqual([])
})
