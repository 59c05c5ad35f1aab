import * as fc from '../support/random.ts'
import { expect, test } from 'vitest'
import { BlockPacker, unpackBlocks } from '../../src/daemon/log-lines.ts'

const anyLine = fc.record({
  source: fc.nat(0xffff),
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  partial: fc.boolean(),
  time: fc.nat(8_640_000_000_000_000),
  bytes: fc.uint8Array({ maxLength: 300 }),
})

test('unpackBlocks() gives back what BlockPacker.add() was given, byte for byte', () => {
  fc.assert(
    fc.property(fc.array(anyLine), (lines) => {
      const packer = new BlockPacker()
      for (const { source, ...line } of lines) packer.add(source, { ...line, container: '' })
      const unpacked = [...unpackBlocks(packer.take())]
      expect(unpacked.map((line) => ({ ...line, bytes: [...line.bytes] }))).toEqual(
        lines.map((line) => ({ ...line, bytes: [...line.bytes] })),
      )
      expect(packer.isEmpty).toBe(true)
    }),
  )
})
