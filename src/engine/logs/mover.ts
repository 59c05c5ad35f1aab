/**
 * The log mover: a launch program that writes a container's output to rotated files without any
 * node.
 */

import { type Label, Program } from '../../linux/index.ts'
import { MOVER_FD } from '../container/descriptors.ts'
import {
  HEADER_BYTES,
  HEADER_OFFSETS,
  type LogStream,
  RECORD_BYTES_MAX,
  STREAM_MAGIC,
} from './format.ts'

/**
 * Descriptor numbers inside the mover. All but the segment, which it opens itself, are its
 * monitor's.
 */
const FD = { ...MOVER_FD, segment: 5 } as const

const POLLIN = 1 // include/uapi/asm-generic/poll.h
const POLLFD_BYTES = 8
/**
 * Sign of the descriptor in struct pollfd: a pipe that has ended is -1 there, which ppoll ignores.
 */
const ENDED_BIT = 0x8000_0000
const CLOCK_REALTIME = 0
const SEEK_END = 2
const EIO = 5
const RETRY_NANOSECONDS = 200_000_000
// include/uapi/asm-generic/fcntl.h
const O_WRONLY = 0o1
const O_CREAT = 0o100
const O_TRUNC = 0o1000
const O_APPEND = 0o2000
const O_CLOEXEC = 0o2000000

export interface MoverOptions {
  /** A segment that has reached this size is closed and a new one begun. */
  readonly segmentBytesMax: number
  /** Segments kept, the one being written included. */
  readonly segmentsMax: number
  /** Its output is a terminal's master, which ends by an error. */
  readonly terminal?: boolean
  /** What is read is thrown away. */
  readonly discard?: boolean
}

/**
 * The program. It ends when both pipes have ended. What it cannot write (disk full) it tries again
 * every 200 ms: the container then waits in write(2) and nothing is lost.
 */
export function moverProgram(options: MoverOptions): Program {
  const program = new Program()
  const buffer = program.zeroed(RECORD_BYTES_MAX)
  const polled = {
    stdout: program.bytes(pollfd(FD.stdout)),
    stderr: program.bytes(pollfd(FD.stderr)),
  }
  const loop = program.label('loop')
  const end = program.label('end')
  const stderr = program.label('stderr')
  // Its own program, by which the monitor has executed it.
  program.call('close', [FD.program])
  openFirstSegment(program)
  program.place(loop)
  const open = program.label('open')
  program.compute(polled.stdout, { mask: ENDED_BIT, onZero: open })
  program.compute(polled.stderr, { mask: ENDED_BIT, onPositive: end })
  program.place(open)
  program.call('ppoll', [polled.stdout, 2, 0, 0], { onError: loop })
  moveStream(program, { stream: 'stdout', polled: polled.stdout, buffer, next: stderr, options })
  program.place(stderr)
  moveStream(program, { stream: 'stderr', polled: polled.stderr, buffer, next: loop, options })
  program.place(end)
  program.call('exit_group', [0])
  return program
}

interface StreamInput {
  readonly stream: LogStream
  /** Address of its struct pollfd. */
  readonly polled: number
  readonly buffer: number
  /** Where to go when this stream has been served. */
  readonly next: Label
  readonly options: MoverOptions
}

function moveStream(program: Program, input: StreamInput): void {
  const { stream, polled, buffer, next } = input
  const header = program.bytes(headerTemplate(stream))
  const length = header + HEADER_OFFSETS.length
  const ready = program.label(`${stream} ready`)
  const ended = program.label(`${stream} ended`)
  const moved = program.label(`${stream} moved`)
  const hungUp = program.label(`${stream} hung up`)
  // revents is the upper 16 bits of the struct, as a word on a little-endian machine.
  program.compute(polled, { mask: ENDED_BIT, onPositive: next })
  program.compute(polled, { shiftRight: 48, onPositive: ready })
  program.jump(next)
  program.place(ready)
  program.call('read', [FD[stream], buffer, RECORD_BYTES_MAX], {
    store: length,
    onZero: ended,
    onError: input.options.terminal === true ? hungUp : next,
  })
  program.call('clock_gettime', [CLOCK_REALTIME, header + HEADER_OFFSETS.seconds])
  if (input.options.discard === true) program.jump(moved)
  writeRecord(program, { header, length, buffer, moved })
  program.place(moved)
  if (input.options.discard !== true) rotateWhenFull(program, input)
  program.jump(next)
  program.place(hungUp)
  // The last slave is closed: pty(7), tty_ldisc_hangup.
  program.compare(program.failedResult, -EIO, { less: next, greater: next })
  program.place(ended)
  program.set(polled, -1)
  program.jump(next)
}

/** Writes header and bytes; takes back what a full disk let through of them and tries again. */
function writeRecord(
  program: Program,
  record: {
    readonly header: number
    readonly length: number
    readonly buffer: number
    readonly moved: Label
  },
): void {
  const vector = program.bytes(ioVector(record))
  const written = program.word()
  const again = program.label('again')
  const short = program.label('short')
  const wait = program.label('wait')
  program.compute(record.length, { store: vector + 24 })
  program.place(again)
  program.call('writev', [FD.segment, vector, 2], { store: written, onError: wait })
  // written - HEADER_BYTES - length
  program.compute(record.length, { times: -1, plus: -HEADER_BYTES, store: program.ahead(1, 4) })
  program.compute(written, { onZero: record.moved, onError: short })
  program.jump(record.moved)
  program.place(short)
  program.compute(written, { times: -1, store: program.ahead(1, 1) })
  program.call('lseek', [FD.segment, 0, SEEK_END], { store: program.ahead(1, 1) })
  program.call('ftruncate', [FD.segment, 0])
  program.place(wait)
  program.call('nanosleep', [program.bytes(timespec(RETRY_NANOSECONDS)), 0])
  program.jump(again)
}

/** lseek to SEGMENT bytes before the end succeeds only when the segment has as many. */
function rotateWhenFull(program: Program, { options, next }: StreamInput): void {
  const { segmentBytesMax, segmentsMax } = options
  program.call('lseek', [FD.segment, -segmentBytesMax, SEEK_END], { onError: next })
  const name = (number: number): number => program.text(`${number}.log`)
  for (let number = segmentsMax - 2; number >= 0; number -= 1) {
    const { directory } = FD
    program.call('renameat2', [directory, name(number), directory, name(number + 1), 0])
  }
  openSegment(program, { truncate: segmentsMax === 1, onError: next })
}

/** On a full disk tried again until it works: the container then waits in write(2). */
function openFirstSegment(program: Program): void {
  const again = program.label('open again')
  const wait = program.label('wait to open')
  const opened = program.label('opened')
  program.place(again)
  openSegment(program, { truncate: false, onError: wait })
  program.jump(opened)
  program.place(wait)
  program.call('nanosleep', [program.bytes(timespec(RETRY_NANOSECONDS)), 0])
  program.jump(again)
  program.place(opened)
}

function openSegment(
  program: Program,
  { truncate, onError }: { readonly truncate: boolean; readonly onError: Label },
): void {
  const flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (truncate ? O_TRUNC : 0)
  const opened = program.word()
  program.call('openat', [FD.directory, program.text('0.log'), flags, 0o600], {
    store: opened,
    onError,
  })
  program.compute(opened, { store: program.ahead(1, 0) })
  program.call('dup3', [0, FD.segment, O_CLOEXEC])
  program.compute(opened, { store: program.ahead(1, 0) })
  program.call('close', [0])
}

function headerTemplate(stream: LogStream): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeBigUInt64LE(STREAM_MAGIC[stream], HEADER_OFFSETS.magic)
  return header
}

/** struct pollfd: descriptor, events, revents. */
function pollfd(fd: number): Buffer {
  const bytes = Buffer.alloc(POLLFD_BYTES)
  bytes.writeInt32LE(fd, 0)
  bytes.writeInt16LE(POLLIN, 4)
  return bytes
}

/** Two struct iovec: the header, and the bytes read, whose length is filled in each time. */
function ioVector(record: { readonly header: number; readonly buffer: number }): Buffer {
  const bytes = Buffer.alloc(32)
  bytes.writeBigUInt64LE(BigInt(record.header), 0)
  bytes.writeBigUInt64LE(BigInt(HEADER_BYTES), 8)
  bytes.writeBigUInt64LE(BigInt(record.buffer), 16)
  return bytes
}

function timespec(nanoseconds: number): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeBigInt64LE(BigInt(nanoseconds), 8)
  return bytes
}
