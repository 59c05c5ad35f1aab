import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { LinePacker, unpackLines } from '../../src/daemon/log-lines.ts'

const anyLine = fc.record({
  source: fc.nat(0xffff),
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  partial: fc.boolean(),
  time: fc.nat(8_640_000_000_000_000),
  bytes: fc.uint8Array({ maxLength: 300 }),
})

test('unpackLines() gives back what LinePacker.add() was given, byte for byte', () => {
  fc.assert(
    fc.property(fc.array(anyLine), (lines) => {
      const packer = new LinePacker()
      for (const { source, ...line } of lines) packer.add(source, { ...line, container: '' })
      const unpacked = [...unpackLines(packer.take())]
      expect(unpacked.map((line) => ({ ...line, bytes: [...line.bytes] }))).toEqual(
        lines.map((line) => ({ ...line, bytes: [...line.bytes] })),
      )
      expect(packer.isEmpty).toBe(true)
    }),
  )
})
