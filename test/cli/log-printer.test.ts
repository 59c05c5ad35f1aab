import { afterEach, expect, test, vi } from 'vitest'
import { LogPrinter } from '../../src/cli/log-printer.ts'
import type { LogStyle } from '../../src/cli/log-printer.ts'
import { BlockPacker } from '../../src/daemon/log-lines.ts'

const SOURCES = [
  { container: 'shop-web-1', service: 'web', index: 1 },
  { container: 'shop-store-1', service: 'store', index: 1 },
]

afterEach(() => vi.restoreAllMocks())

interface Line {
  readonly source: number
  readonly text: string
  readonly partial?: boolean
  readonly stream?: 'stdout' | 'stderr'
}

/** What is written to stdout for these lines. */
async function printed(lines: readonly Line[], style: Partial<LogStyle> = {}): Promise<string> {
  const chunks: Uint8Array[] = []
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => chunks.push(chunk as Buffer) > 0)
  const printer = new LogPrinter({
    isTerminal: false,
    color: false,
    prefix: true,
    timestamps: false,
    ...style,
  })
  printer.name(SOURCES)
  const packer = new BlockPacker()
  for (const { source, text, partial = false, stream = 'stdout' } of lines) {
    packer.add(source, {
      container: '',
      stream,
      partial,
      time: 0,
      bytes: Buffer.from(partial ? text : `${text}\n`),
    })
  }
  await printer.print(packer.take())
  await printer.finish()
  return Buffer.concat(chunks).toString()
}

test('LogPrinter.print() puts the name before each line, all of one width', async () => {
  const lines = [
    { source: 0, text: 'a' },
    { source: 1, text: 'b' },
  ]
  expect(await printed(lines)).toBe('web-1    | a\nstore-1  | b\n')
})

test('LogPrinter.print() joins the parts of a long line', async () => {
  const parts = [
    { source: 0, text: 'long ', partial: true },
    { source: 0, text: 'line' },
  ]
  expect(await printed(parts)).toBe('web-1    | long line\n')
})

test('LogPrinter.print() never mixes two sources in a line', async () => {
  const lines = [
    { source: 0, text: 'no end', partial: true },
    { source: 1, text: 'other' },
    { source: 0, text: 'ends', partial: true },
  ]
  expect(await printed(lines)).toBe('web-1    | no end\nstore-1  | other\nweb-1    | ends\n')
})

test('LogPrinter.print() leaves bytes alone but on a terminal', async () => {
  const lines = [{ source: 0, text: '\u001b[2Jx' }]
  expect(await printed(lines, { prefix: false })).toBe('\u001b[2Jx\n')
  expect(await printed(lines, { prefix: false, isTerminal: true })).toBe('\\x1b[2Jx\n')
})

test('LogPrinter.print() writes the time when asked', async () => {
  const text = await printed([{ source: 0, text: 'a' }], { timestamps: true })
  expect(text).toBe('web-1    | 1970-01-01T00:00:00.000Z a\n')
})
