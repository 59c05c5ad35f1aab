import { describe, expect, test } from 'vitest'
import { describeFailure, parseFailure } from '../../../src/linux/launch/failure.ts'
import { OPERATION_BYTES, SCRATCH, TEXT, TOP } from '../../../src/linux/launch/interpreter.ts'
import { Program } from '../../../src/linux/launch/program.ts'
import type { Architecture } from '../../../src/linux/syscalls/index.ts'

interface Segment {
  readonly type: number
  readonly flags: number
  readonly offset: number
  readonly address: number
  readonly fileBytes: number
  readonly memoryBytes: number
  readonly align: number
}

function segments(image: Buffer): Segment[] {
  return Array.from({ length: image.readUInt16LE(56) }, (_, index) => {
    const at = 64 + 56 * index
    return {
      type: image.readUInt32LE(at),
      flags: image.readUInt32LE(at + 4),
      offset: Number(image.readBigUInt64LE(at + 8)),
      address: Number(image.readBigUInt64LE(at + 16)),
      fileBytes: Number(image.readBigUInt64LE(at + 32)),
      memoryBytes: Number(image.readBigUInt64LE(at + 40)),
      align: Number(image.readBigUInt64LE(at + 48)),
    }
  })
}

/** Reads the word at a memory address of the writable segment. */
function word(image: Buffer, address: number): bigint {
  const data = segments(image).find(({ flags, type }) => type === 1 && flags === 6)
  if (!data) throw new Error('no writable segment')
  return image.readBigInt64LE(address - data.address)
}

function operation(image: Buffer, index: number): bigint[] {
  const at = TOP - OPERATION_BYTES * (index + 1)
  return Array.from({ length: 11 }, (_, field) => word(image, at + 8 * field))
}

describe('Program.image()', () => {
  test.each<[Architecture, number]>([
    ['x64', 62],
    ['arm64', 183],
  ])(
    'is an executable for %s with no page both writable and executable',
    (architecture, machine) => {
      const program = new Program({ architecture })
      program.zeroed(100_000)
      program.call('exit_group', [0])
      const image = program.image()
      expect(image.subarray(0, 7).toString('latin1')).toBe('\x7fELF\x02\x01\x01')
      expect(image.readUInt16LE(16)).toBe(2)
      expect(image.readUInt16LE(18)).toBe(machine)
      const found = segments(image)
      expect(found.map(({ type, flags }) => [type, flags])).toEqual([
        [1, 5],
        [1, 6],
        [0x6474e551, 6],
        [1, 6],
      ])
      for (const segment of found) {
        if (segment.type !== 1) continue
        expect(segment.address % segment.align).toBe(segment.offset % segment.align)
        expect(segment.offset + segment.fileBytes).toBeLessThanOrEqual(image.length)
      }
      expect(found[3]).toMatchObject({ address: SCRATCH, fileBytes: 0, memoryBytes: 100_000 })
      const entry = Number(image.readBigUInt64LE(24)) - TEXT
      expect(entry).toBe(64 + 4 * 56)
    },
  )

  test('of 30 operations with a little data is one page', () => {
    const program = new Program({ architecture: 'x64' })
    program.bytes(Buffer.alloc(900))
    for (let index = 0; index < 29; index++) program.call('getpid')
    expect(program.image().length).toBeLessThanOrEqual(4096)
  })

  test('holds number, arguments, store and branches of each operation', () => {
    const program = new Program({ architecture: 'x64' })
    const end = program.label('end')
    const word0 = program.word(7)
    const text = program.text('/proc')
    program.call('openat', [-100, text, 0o2000000], { store: word0, onError: end })
    program.call('getpid', [], { onPositive: end, onZero: end })
    program.place(end)
    program.call('exit_group', [3])
    const image = program.image()
    const endAddress = BigInt(TOP - 3 * OPERATION_BYTES)
    expect(operation(image, 0)).toEqual(
      [257, -100, text, 0o2000000, 0, 0, 0, word0, 0, 0, endAddress].map(BigInt),
    )
    expect(operation(image, 1).slice(7)).toEqual([0n, endAddress, endAddress, 0n])
    expect(word(image, word0)).toBe(7n)
    expect(operation(image, 3).slice(0, 2)).toEqual([231n, 125n])
  })

  test('refuses a label that is used and never placed, or placed twice', () => {
    const program = new Program()
    program.call('getpid', [], { onError: program.label('nowhere') })
    expect(() => program.image()).toThrow('"nowhere" is never placed')
    const other = new Program()
    const label = other.label('twice')
    other.place(label)
    expect(() => other.place(label)).toThrow('"twice" is placed twice')
  })
})

describe('Program', () => {
  test('image() is the same each time, and nothing can be added after it', () => {
    const program = new Program()
    program.call('getpid')
    expect(program.image()).toBe(program.image())
    expect(() => program.call('getpid')).toThrow('after its image')
  })

  test('text() stores a text once and refuses NUL', () => {
    const program = new Program()
    expect(program.text('a')).toBe(program.text('a'))
    expect(program.text('a')).not.toBe(program.text('b'))
    expect(() => program.text('a\0b')).toThrow('NUL')
  })

  test('bytes() aligns and pointers() ends with NULL', () => {
    const program = new Program({ architecture: 'x64' })
    program.text('abc')
    expect(program.bytes(Buffer.alloc(4), 64) % 64).toBe(0)
    const [one, two] = [program.text('one'), program.text('two')]
    const list = program.pointers([one, two])
    const image = program.image()
    expect([0, 8, 16].map((at) => word(image, list + at))).toEqual([BigInt(one), BigInt(two), 0n])
  })

  test('argument() and storeTarget() are the addresses of the words of an operation', () => {
    const program = new Program({ architecture: 'x64' })
    const scratch = program.word()
    const call = program.call('write', [1, 2, 3], { store: scratch })
    const image = program.image()
    expect(word(image, program.argument(call, 1))).toBe(2n)
    expect(word(image, program.storeTarget(call))).toBe(BigInt(scratch))
  })

  test('zeroed() keeps small pieces beside the data and large ones in scratch memory', () => {
    const program = new Program()
    expect(program.zeroed(64)).toBeLessThan(SCRATCH)
    expect(program.zeroed(65_536)).toBe(SCRATCH)
    expect(program.zeroed(65_536, 4096)).toBe(SCRATCH + 65_536)
  })
})

describe('describeFailure()', () => {
  test('names the call of the operation that failed, with its texts', () => {
    const program = new Program()
    program.call('getpid')
    program.call('mount', [program.text('proc'), program.text('/proc'), 0, 14])
    program.call('mount', [0, 0], { note: 'mount("overlay", "/srv")' })
    const record = Buffer.alloc(16)
    record.writeUInt32LE(0x31465354)
    record.writeUInt32LE(TOP - 2 * OPERATION_BYTES, 4)
    record.writeBigInt64LE(-22n, 8)
    const failure = parseFailure(record)
    expect(failure).toEqual({ operation: 1, errno: 22 })
    if (!failure) return
    const error = describeFailure(program.notes, failure)
    expect(error.message).toBe('mount("proc", "/proc", 0, 14) failed: EINVAL (Invalid argument)')
    expect(error.syscall).toBe('mount')
    expect(describeFailure(program.notes, { operation: 2, errno: 1 }).message).toBe(
      'mount("overlay", "/srv") failed: EPERM (Operation not permitted)',
    )
  })

  test('parseFailure() is undefined for anything but a failure record', () => {
    expect(parseFailure(Buffer.alloc(16))).toBeUndefined()
    expect(parseFailure(Buffer.from('TSF1'))).toBeUndefined()
  })
})
