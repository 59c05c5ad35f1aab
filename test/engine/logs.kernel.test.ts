/**
 * What a program writes is read back byte for byte, whatever it is and whoever has died meanwhile.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LogOptions } from '../../src/engine/index.ts'
import { linesOf, type LogLine } from './log-lines.ts'
import { sh, untilThere, useWorld, type World } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const NAME = 'tst-one-1'
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

async function read(options: Partial<LogOptions> = {}): Promise<readonly LogLine[]> {
  const lines: LogLine[] = []
  for await (const block of world.engine.logs(NAME, { follow: false, ...options })) {
    lines.push(...linesOf(block))
  }
  return lines
}

const texts = (lines: readonly LogLine[]): readonly string[] =>
  lines.map(({ bytes }) => Buffer.from(bytes).toString('utf8'))

const logDirectory = (): string => join(world.root, 'state/stacks/tst/containers', NAME, 'log')

test('logs() gives binary output unchanged', async () => {
  await world.up({
    one: sh(
      'dd if=/dev/urandom of=/tmp/x bs=1024 count=700 2>/dev/null; cat /tmp/x; touch /tmp/done; exec sleep 60',
    ),
  })
  const sum = 'while [ ! -e /tmp/done ]; do sleep 0.05; done; md5sum < /tmp/x'
  const wanted = (await world.exec('one', sum)).stdout.slice(0, 32)
  await world.engine.kill(NAME, 'SIGKILL')
  await world.exited('one')
  const bytes = await world.log('one')
  expect(bytes.length).toBe(700 * 1024)
  expect(md5(bytes)).toBe(wanted)
})

test('logs() tells the streams apart and keeps their order', async () => {
  await world.up({ one: sh('echo a; echo b >&2; sleep 0.1; echo c; printf d >&2') })
  await world.exited('one')
  const lines = await read()
  expect(lines.map(({ stream, partial }) => [stream, partial])).toEqual(
    expect.arrayContaining([
      ['stdout', false],
      ['stderr', false],
      ['stderr', true],
    ]),
  )
  const of = (stream: string): readonly string[] =>
    texts(lines.filter((line) => line.stream === stream))
  expect(of('stdout')).toEqual(['a', 'c'])
  expect(of('stderr')).toEqual(['b', 'd'])
})

test('a last line without a newline is kept, and marked', async () => {
  await world.up({ one: sh('printf "whole\\nrest"') })
  await world.exited('one')
  const lines = await read()
  expect(texts(lines)).toEqual(['whole', 'rest'])
  expect(lines.map(({ partial }) => partial)).toEqual([false, true])
})

test('a very long line comes in parts, and the line after it is whole', async () => {
  const bytes = 1024 * 1024
  await world.up({ one: sh(`head -c ${bytes} /dev/zero | tr '\\0' x; echo; echo next`) })
  await world.exited('one')
  const lines = await read()
  expect(lines.at(-1)).toMatchObject({ partial: false })
  expect(texts(lines).at(-1)).toBe('next')
  const parts = lines.slice(0, -1)
  expect(parts.length).toBeGreaterThan(1)
  expect(parts.map(({ partial }) => partial)).toEqual(parts.map((_, at) => at < parts.length - 1))
  expect(parts.reduce((sum, line) => sum + line.bytes.length, 0)).toBe(bytes)
})

test('segments stay within their limits, and what is kept is the end, without a gap', async () => {
  const logging = { driver: 'local', segmentBytesMax: 200_000, segmentsMax: 3 } as const
  await world.up({ one: { ...sh('seq 1 200000'), logging } })
  await world.exited('one')
  const names = readdirSync(logDirectory()).toSorted()
  expect(names).toEqual(['0.log', '1.log', '2.log'])
  // A record that crosses the limit is written whole: one read and its header more.
  for (const name of names) {
    expect(statSync(join(logDirectory(), name)).size).toBeLessThan(200_000 + 65_536 + 32)
  }
  const numbers = texts(await read()).map(Number)
  expect(numbers.at(-1)).toBe(200_000)
  expect(numbers.length).toBeGreaterThan(20_000)
  // The first may be the rest of a number whose beginning was in a segment that is gone.
  const [, second = 0] = numbers
  expect(numbers.slice(1)).toEqual(numbers.slice(1).map((_, at) => second + at))
})

test('follow misses nothing while segments are rotated, and ends with the container', async () => {
  const logging = { driver: 'local', segmentBytesMax: 100_000, segmentsMax: 3 } as const
  const script = 'for i in $(seq 1 40); do seq $((i*1000)) $((i*1000+999)); sleep 0.02; done'
  await world.up({ one: { ...sh(script), logging } })
  const numbers = texts(await read({ follow: true })).map(Number)
  expect(numbers.length).toBe(40_000)
  expect(numbers).toEqual(numbers.map((_, at) => 1000 + at))
})

test('follow goes on over restarts, and ends when it is stopped', async () => {
  const restart = { condition: 'on-failure', attemptsMax: 2 } as const
  await world.up({ one: { ...sh('echo again; exit 1'), restart } })
  expect(texts(await read({ follow: true }))).toEqual(['again', 'again', 'again'])
})

test('follow ends when it is aborted, while the container runs on', async () => {
  await world.up({ one: sh('echo here; exec sleep 1000') })
  expect(await world.line('one', /here/)).toBe('here')
  expect((await world.observe('one')).state).toBe('running')
})

test('tail gives the last lines, also before what follows', async () => {
  await world.up({ one: sh('seq 1 5000; printf unfinished') })
  await world.exited('one')
  expect(texts(await read({ tail: 3 }))).toEqual(['4999', '5000', 'unfinished'])
  expect(texts(await read({ tail: 0 }))).toEqual([])
  expect(texts(await read({ tail: 2, follow: true }))).toEqual(['4999', '5000', 'unfinished'])
})

test('since and until choose by time', async () => {
  // Each is read before the next is written, however long that takes.
  const [first, second] = [untilThere('/tmp/1'), untilThere('/tmp/2')]
  await world.up({ one: sh(`echo early; ${first}; echo middle; ${second}; echo late`) })
  await world.line('one', /early/)
  await world.exec('one', 'touch /tmp/1')
  await world.line('one', /middle/)
  await world.exec('one', 'touch /tmp/2')
  await world.exited('one')
  const [early, middle, late] = await read()
  expect(texts(await read({ since: (early?.time ?? 0) + 1 }))).toEqual(['middle', 'late'])
  expect(texts(await read({ until: (late?.time ?? 0) - 1 }))).toEqual(['early', 'middle'])
  const only = middle?.time ?? 0
  expect(texts(await read({ since: only, until: only }))).toEqual(['middle'])
})

test('logging none keeps nothing, and the program does not notice', async () => {
  const logging = { driver: 'none', segmentBytesMax: 1000, segmentsMax: 1 } as const
  await world.up({ one: { ...sh('yes | head -c 1000000; echo done >&2; exit 4'), logging } })
  expect(await world.exited('one')).toMatchObject({ exitCode: 4 })
  expect(await read()).toEqual([])
})

test('a container whose output ends before it does goes on to run', async () => {
  await world.up({ one: sh('echo last; exec >&- 2>&-; sleep 0.3; exit 6') })
  expect(await world.exited('one')).toMatchObject({ exitCode: 6 })
  expect(texts(await read())).toEqual(['last'])
})

test('output of a program that outlives its container’s program is complete', async () => {
  await world.up({ one: sh('(echo grandchild) & echo parent; wait') })
  await world.exited('one')
  expect(texts(await read()).toSorted()).toEqual(['grandchild', 'parent'])
})

test('the log is for root alone', async () => {
  await world.up({ one: sh('echo secret') })
  await world.exited('one')
  expect(statSync(join(logDirectory(), '0.log')).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(logDirectory(), '0.log')).includes('secret')).toBe(true)
})
