import { describe, expect, test } from 'vitest'
import { describeFailure, parseFailure } from '../../../src/linux/launch/failure.ts'
import { Blanks } from '../../../src/linux/launch/blank.ts'
import { FilledProgram, type LaunchProgram } from '../../../src/linux/launch/filled.ts'
import { Program } from '../../../src/linux/launch/program.ts'
import { ARCHITECTURE, type Architecture } from '../../../src/linux/syscalls/index.ts'
import { QEMU_ARM64, run, runArm64, type Run } from './harness.ts'

const runners: readonly (readonly [Architecture, boolean, (program: LaunchProgram) => Run])[] = [
  ['x64', ARCHITECTURE === 'x64', run],
  // On arm64 itself, directly; elsewhere under qemu-user, when that is installed.
  [
    'arm64',
    ARCHITECTURE === 'arm64' || QEMU_ARM64 !== undefined,
    ARCHITECTURE === 'arm64' ? run : runArm64,
  ],
]

describe.each(runners)('a launch program on %s', (architecture, canRun, runProgram) => {
  const it = test.runIf(canRun)
  const create = (): Program => new Program({ architecture })

  it('writes a text and exits with a status', () => {
    const program = create()
    program.call('write', [1, program.text('hello\n'), 6])
    program.call('exit_group', [7])
    const { output, end } = runProgram(program)
    expect(output.toString()).toBe('hello\n')
    expect(end).toMatchObject({ kind: 'exited', code: 7 })
  })

  it('is written once, and run with whatever fills its blanks', () => {
    const program = create()
    const blanks = new Blanks()
    const { address, length } = program.sized(`[${blanks.of('hello')}, ${blanks.of('')}]\n`)
    program.call('write', [1, address, length])
    const file = program.text(`/${blanks.of('nowhere')}/x`)
    const failed = program.failLabel({ reportFd: 1 })
    program.call('unlinkat', [-100, file, 0], { onError: failed })
    for (const words of [blanks.values, ['Grüß', '', 'there/is/none']]) {
      const filled = new FilledProgram(program, words)
      const { output, end } = runProgram(filled)
      const [hello = '', nothing = '', path = ''] = words
      const said = Buffer.from(`[${hello}, ${nothing}]\n`)
      expect(output.subarray(0, said.length)).toEqual(said)
      expect(end).toMatchObject({ code: 126 })
      const failure = parseFailure(output.subarray(said.length))
      if (failure === undefined) throw new Error('There is no record of the failure')
      const { message } = describeFailure(filled.notes, failure)
      expect(message).toContain(`unlinkat(-100, "/${path}/x", 0) failed: ENOENT`)
    }
    const refused = new FilledProgram(program, ['x'.repeat(65), '', ''])
    expect(() => refused.image()).toThrow('does not fit')
  })

  it('ends instead of one operation, when a test wants it to', () => {
    const program = create()
    const blanks = new Blanks()
    program.call('write', [1, program.text('a'), 1])
    program.call('write', [1, program.text(blanks.of('b')), 1])
    const filled = new FilledProgram(program, blanks.values)
    filled.crashAt(1)
    const { output, end } = runProgram(filled)
    expect(output.toString()).toBe('a')
    expect(end).toMatchObject({ code: 137 })
  })

  it('feeds a stored result to arguments of later calls', () => {
    const program = create()
    const fds = program.zeroed(8)
    const buffer = program.zeroed(16)
    const length = program.word()
    const readEnd = program.load(fds, { mask: 0xffffffff })
    const writeEnd = program.load(fds, { shiftRight: 32 })
    program.call('pipe2', [fds, 0])
    program.call('write', [writeEnd, program.text('through a pipe'), 14])
    program.call('close', [writeEnd])
    program.call('read', [readEnd, buffer, 16], { store: length })
    program.call('write', [1, buffer, program.load(length)])
    program.call('exit_group', [program.load(length, { plus: 1 })])
    const { output, end } = runProgram(program)
    expect(output.toString()).toBe('through a pipe')
    expect(end).toMatchObject({ code: 15 })
  })

  it('stores a result ahead, in an argument of an operation that is not added yet', () => {
    const program = create()
    program.call('umask', [0o27])
    program.call('umask', [0], { store: program.ahead(2, 0) })
    program.call('getpid')
    program.call('exit_group', [99])
    expect(runProgram(program).end).toMatchObject({ code: 0o27 })
  })

  it('stores a result straight into an argument of the same operation in a loop', () => {
    const program = create()
    const again = program.label('again')
    const done = program.label('done')
    const count = program.word(3)
    program.place(again)
    const write = program.call('write', [1, program.text('abc'), 1])
    program.compute(program.argument(write, 2), { plus: 1, store: program.argument(write, 2) })
    program.compute(count, { plus: -1, store: count, onPositive: again, onZero: done })
    program.place(done)
    program.call('exit_group', [0])
    expect(runProgram(program).output.toString()).toBe('aababc')
  })

  it('computes ((word >> shift) & mask) * times + plus, signed', () => {
    const program = create()
    const results = program.zeroed(64)
    const status = program.word(0x0000_2a00)
    program.compute(status, { shiftRight: 8, mask: 0xff, store: results })
    program.compute(program.word(9), { mask: 0x7f, plus: 128, store: results + 8 })
    program.compute(program.word(5), { times: -1, plus: 3, store: results + 16 })
    program.compute(program.word(-256), { shiftRight: 4, store: results + 24 })
    program.set(results + 32, 0x1234_5678_9abcn)
    program.compute(program.word(1n << 62n), { times: 1, store: results + 40 })
    program.call('write', [1, results, 48])
    program.call('exit_group', [0])
    const { output } = runProgram(program)
    const read = [0, 8, 16, 24, 32, 40].map((at) => output.readBigInt64LE(at))
    expect(read).toEqual([42n, 137n, -2n, -16n, 0x1234_5678_9abcn, 1n << 62n])
  })

  it.each([
    [4, 'less'],
    [5, 'equal'],
    [6, 'greater'],
    [-1, 'less'],
  ])('compare() of %i with 5 goes to "%s"', (value, expected) => {
    const program = create()
    const labels = {
      less: program.label('less'),
      equal: program.label('equal'),
      greater: program.label('greater'),
    }
    program.compare(program.word(value), 5, labels)
    program.call('exit_group', [99])
    for (const [name, label] of Object.entries(labels)) {
      program.place(label)
      program.call('write', [1, program.text(name), name.length])
      program.call('exit_group', [0])
    }
    expect(runProgram(program).output.toString()).toBe(expected)
  })

  it('loops, jumps backwards and goes on without a label', () => {
    const program = create()
    const counter = program.word(1000)
    const again = program.label('again')
    const done = program.label('done')
    program.place(again)
    program.compute(counter, { plus: -1, store: counter, onZero: done })
    program.jump(again)
    program.place(done)
    program.call('write', [1, program.text('done'), 4])
    program.call('exit_group', [0])
    const { output, end } = runProgram(program)
    expect(output.toString()).toBe('done')
    expect(end).toMatchObject({ code: 0 })
  })

  it('branches on zero: the end of a pipe ends a loop', () => {
    const program = create()
    const fds = program.zeroed(8)
    const buffer = program.zeroed(8)
    const ended = program.label('ended')
    const again = program.label('again')
    const failed = program.failLabel({ reportFd: 1 })
    program.call('pipe2', [fds, 0], { onError: failed })
    const writeEnd = program.load(fds, { shiftRight: 32 })
    program.call('write', [writeEnd, program.text('xyz'), 3], { onError: failed })
    program.call('close', [writeEnd])
    program.place(again)
    program.call('read', [program.load(fds, { mask: 0xffffffff }), buffer, 1], {
      onPositive: again,
      onZero: ended,
      onError: failed,
    })
    program.place(ended)
    program.call('write', [1, buffer, 1])
    program.call('exit_group', [0])
    expect(runProgram(program).output.toString()).toBe('z')
  })

  it('reports a failed operation with its errno and ends with the status asked for', () => {
    const program = create()
    const failed = program.failLabel({ reportFd: 1, status: 77 })
    const ignored = program.label('ignored')
    program.call('openat', [-100, program.text('/no/such/file'), 0], { onError: ignored })
    program.place(ignored)
    program.call('chdir', [program.text('/proc/self/status')], { onError: failed })
    program.call('exit_group', [0])
    const notes = program.notes
    const { output, end } = runProgram(program)
    expect(end).toMatchObject({ code: 77 })
    const failure = parseFailure(output)
    expect(failure).toEqual({ operation: 1, errno: 20 })
    if (!failure) return
    expect(describeFailure(notes, failure).message).toBe(
      'chdir("/proc/self/status") failed: ENOTDIR (Not a directory)',
    )
  })

  it('keeps the failed call in the record through comparisons after it', () => {
    const program = create()
    const failed = program.failLabel({ reportFd: 1 })
    const tolerate = program.label('tolerate')
    program.call('chdir', [program.text('/no/such')], { onError: tolerate })
    program.place(tolerate)
    // ENOSYS would be tolerated; anything else is not.
    program.compare(program.failedResult, -38, { less: failed, greater: failed })
    program.call('exit_group', [0])
    expect(parseFailure(runProgram(program).output)).toEqual({ operation: 0, errno: 2 })
  })

  it('uses zeroed scratch memory larger than its file', () => {
    const program = create()
    const scratch = program.zeroed(1 << 20)
    program.set(scratch + (1 << 20) - 8, 0x6b6f)
    program.call('write', [1, scratch + (1 << 20) - 8, 2])
    program.call('write', [1, scratch, 8])
    program.call('exit_group', [0])
    const { output } = runProgram(program)
    expect(output.toString('latin1')).toBe(`ok${'\0'.repeat(8)}`)
  })

  it('goes on in its hot part after the cold one is released, and not in the cold one', () => {
    const program = create()
    const hot = program.label('hot')
    const cold = program.label('cold')
    const byte = program.text('h')
    program.jump(cold)
    program.place(hot)
    program.releaseCold()
    program.call('write', [1, byte, 1])
    program.call('exit_group', [4])
    program.coldFromHere()
    program.place(cold)
    const coldText = program.bytes(Buffer.alloc(200_000, 'c'))
    for (let index = 0; index < 1600; index++) program.call('getpid')
    program.call('write', [1, coldText + 199_999, 1])
    program.jump(hot)
    const { output, end } = runProgram(program)
    expect(output.toString()).toBe('ch')
    expect(end).toMatchObject({ kind: 'exited', code: 4 })
  })

  it('that runs out of operations exits with 125', () => {
    const program = create()
    program.call('getpid')
    expect(runProgram(program).end).toMatchObject({ kind: 'exited', code: 125 })
  })

  it('of 600 operations crosses pages', () => {
    const program = create()
    const counter = program.word()
    for (let index = 0; index < 600; index++) {
      program.compute(counter, { plus: 1, store: counter })
    }
    program.call('write', [1, counter, 8])
    program.call('exit_group', [0])
    expect(runProgram(program).output.readBigInt64LE()).toBe(600n)
  })
})
