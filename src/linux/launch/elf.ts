/** Lays a launch program out as a static ELF executable. */

import type { Architecture } from '../syscalls/index.ts'
import { INTERPRETER, PAGE_BYTES, SCRATCH, TEXT, TOP } from './interpreter.ts'

const HEADER_BYTES = 64 // sizeof(Elf64_Ehdr), include/uapi/linux/elf.h
const SEGMENT_BYTES = 56 // sizeof(Elf64_Phdr)
const PT_LOAD = 1
const PT_GNU_STACK = 0x6474e551
const EXECUTE = 1
const WRITE = 2
const READ = 4
const ET_EXEC = 2
const MACHINE: Readonly<Record<Architecture, number>> = { x64: 62, arm64: 183 } // elf-em.h

interface Segment {
  readonly type: number
  readonly flags: number
  readonly address?: number
  readonly fileBytes?: number
  readonly memoryBytes?: number
}

/**
 * The file: header, interpreter, operations (the first one highest), data. It is mapped twice: its
 * first page as code, the whole as private writable data, so no page is both writable and
 * executable.
 */
export function elfImage(parts: {
  readonly architecture: Architecture
  /** Of {@link imageBase}. */
  readonly base: number
  /** Highest index first; ends at {@link TOP}. */
  readonly operations: Buffer
  /** Begins at {@link TOP}. */
  readonly data: Buffer
  readonly scratchBytes: number
}): Buffer {
  const { architecture, base, operations, data } = parts
  const code = INTERPRETER[architecture]
  const page = PAGE_BYTES[architecture]
  const codeAt = codeOffset(parts.scratchBytes > 0)
  const textBytes = codeAt + code.length
  const fileBytes = TOP - base + data.length
  const segments: Segment[] = [
    { type: PT_LOAD, flags: READ | EXECUTE, address: TEXT, fileBytes: textBytes },
    { type: PT_LOAD, flags: READ | WRITE, address: base, fileBytes },
    { type: PT_GNU_STACK, flags: READ | WRITE },
  ]
  // A kernel before 6.6 takes a segment without file bytes only as the highest one.
  if (parts.scratchBytes > 0) {
    const memoryBytes = parts.scratchBytes
    segments.push({ type: PT_LOAD, flags: READ | WRITE, address: SCRATCH, memoryBytes })
  }
  const image = Buffer.alloc(fileBytes)
  writeHeader(image, { machine: MACHINE[architecture], entry: TEXT + codeAt, segments, page })
  code.copy(image, codeAt)
  operations.copy(image, TOP - base - operations.length)
  data.copy(image, TOP - base)
  return image
}

/** Where the writable mapping of the file begins: a page that has room for header and code. */
export function imageBase(parts: {
  readonly architecture: Architecture
  /** Address of the last operation, which is the lowest. */
  readonly lowestOperation: number
  readonly hasScratch: boolean
}): number {
  const textBytes = codeOffset(parts.hasScratch) + INTERPRETER[parts.architecture].length
  const page = PAGE_BYTES[parts.architecture]
  return Math.floor((parts.lowestOperation - textBytes) / page) * page
}

function codeOffset(hasScratch: boolean): number {
  return HEADER_BYTES + SEGMENT_BYTES * (hasScratch ? 4 : 3)
}

function writeHeader(
  image: Buffer,
  header: {
    readonly machine: number
    readonly entry: number
    readonly segments: readonly Segment[]
    readonly page: number
  },
): void {
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]) // magic, 64 bits, little-endian, version 1
  image.writeUInt16LE(ET_EXEC, 16)
  image.writeUInt16LE(header.machine, 18)
  image.writeUInt32LE(1, 20)
  image.writeBigUInt64LE(BigInt(header.entry), 24)
  image.writeBigUInt64LE(BigInt(HEADER_BYTES), 32)
  image.writeUInt16LE(HEADER_BYTES, 52)
  image.writeUInt16LE(SEGMENT_BYTES, 54)
  image.writeUInt16LE(header.segments.length, 56)
  for (const [index, segment] of header.segments.entries()) {
    writeSegment(image, HEADER_BYTES + SEGMENT_BYTES * index, segment, header.page)
  }
}

function writeSegment(image: Buffer, at: number, segment: Segment, page: number): void {
  const { address = 0, fileBytes = 0, memoryBytes = fileBytes } = segment
  image.writeUInt32LE(segment.type, at)
  image.writeUInt32LE(segment.flags, at + 4)
  image.writeBigUInt64LE(0n, at + 8) // every segment begins at the start of the file
  image.writeBigUInt64LE(BigInt(address), at + 16)
  image.writeBigUInt64LE(BigInt(address), at + 24)
  image.writeBigUInt64LE(BigInt(fileBytes), at + 32)
  image.writeBigUInt64LE(BigInt(memoryBytes), at + 40)
  image.writeBigUInt64LE(BigInt(page), at + 48)
}
