import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DEFAULT_CAPABILITIES } from '../../../src/linux/capabilities.ts'
import { kernelRelease } from '../../../src/linux/kernel.ts'
import { Program, type Word } from '../../../src/linux/launch/index.ts'
import { compileSeccomp } from '../../../src/linux/seccomp/compile.ts'
import { loadSeccomp } from '../../../src/linux/seccomp/load.ts'
import { DEFAULT_SECCOMP_PROFILE } from '../../../src/linux/seccomp/profile.ts'
import { ARCHITECTURE, type SyscallName, X32_BIT } from '../../../src/linux/syscalls/index.ts'
import { run, type Run } from '../launch/harness.ts'

const FILTER = compileSeccomp({
  profile: DEFAULT_SECCOMP_PROFILE,
  architecture: ARCHITECTURE,
  capabilities: DEFAULT_CAPABILITIES,
  kernel: kernelRelease(),
})

type Call = readonly [name: SyscallName | number, ...args: Word[]]

/** Results of `calls` made one after the other under the filter. */
function results(calls: readonly Call[]): number[] {
  const program = new Program()
  const failed = program.failLabel({ reportFd: 1 })
  const stored = program.zeroed(8 * calls.length)
  loadSeccomp(program, FILTER, { onError: failed })
  for (const [index, [name, ...args]] of calls.entries()) {
    const store = stored + 8 * index
    program.call(name, args, { store })
  }
  program.call('write', [1, stored, 8 * calls.length])
  program.call('exit_group', [0])
  const { output } = run(program)
  return calls.map((_, index) => Number(output.readBigInt64LE(8 * index)))
}

const [EPERM, ENOSYS, EAFNOSUPPORT] = [-1, -38, -97]

describe('a filter of the default profile in the kernel', () => {
  test('lets through, refuses and denies the existence of calls', () => {
    const seen = results([
      ['getppid'],
      ['unshare', 0x10000000],
      ['mount', 0, 0, 0, 0, 0],
      ['keyctl', 0, 0],
      ['clone3', 0, 0],
      [5000],
      [400],
      ['personality', 0xffffffff],
      ['personality', 0x40000],
    ])
    expect(seen[0]).toBeGreaterThan(0)
    expect(seen.slice(1, 7)).toEqual([EPERM, EPERM, EPERM, ENOSYS, ENOSYS, ENOSYS])
    expect(seen[7]).toBe(0)
    expect(seen[8]).toBe(EPERM)
  })

  test('closes the families that it refuses, high bits or not', () => {
    const seen = results([
      ['socket', 40, 1, 0],
      ['socket', 0x1_0000_0028, 1, 0],
      ['socket', 38, 5, 0],
      ['socket', 0xffff_ffff_0000_0026n, 5, 0],
      ['socket', 46, 1, 0],
      ['socket', 1, 1, 0],
    ])
    expect(seen.slice(0, 4)).toEqual([EPERM, EPERM, EPERM, EPERM])
    expect(seen[4]).toBe(EAFNOSUPPORT)
    expect(seen[5]).toBeGreaterThanOrEqual(0)
  })

  test('holds for what the program executes', () => {
    const program = new Program()
    loadSeccomp(program, FILTER)
    const path = program.text('/bin/grep')
    const args = ['grep', 'Seccomp', '/proc/self/status'].map((text) => program.text(text))
    program.call('execve', [path, program.pointers(args), program.pointers([])])
    program.call('exit_group', [99])
    expect(run(program).output.toString()).toMatch(/^Seccomp:\s*2\nSeccomp_filters:\s*1\n/)
  })

  test.runIf(ARCHITECTURE === 'x64')('does not open x32 by its numbers', () => {
    expect(results([[X32_BIT + 165, 0, 0, 0, 0, 0]])).toEqual([EPERM])
  })

  // int 0x80 needs IA32 emulation in the kernel; without it the program cannot be executed at all.
  test.runIf(ARCHITECTURE === 'x64' && canRun32Bit())(
    'refuses socketcall of a 32-bit program, and allows its getpid',
    () => {
      expect(run32Bit(20)).toMatchObject({ kind: 'exited', code: 0 })
      expect(run32Bit(102)).toMatchObject({ kind: 'exited', code: 1 })
    },
  )
})

/**
 * A 32-bit program that makes one call, `socketcall(SYS_SOCKET, {AF_ALG, …})` for 102, and exits
 * with errno.
 */
function elf32(number: number): Buffer {
  const base = 0x08048000
  const code = Buffer.from(
    // mov eax, N; mov ebx, 1; mov ecx, ARGS; int 0x80; test eax, eax; js +2; xor eax, eax;
    // neg eax; mov ebx, eax; mov eax, 1 (exit); int 0x80
    'b800000000 bb01000000 b900000000 cd80 85c0 7802 31c0 f7d8 89c3 b801000000 cd80'.replaceAll(
      ' ',
      '',
    ),
    'hex',
  )
  code.writeUInt32LE(number, 1)
  code.writeUInt32LE(base + 84 + code.length, 11)
  const args = Buffer.alloc(12)
  args.writeUInt32LE(38, 0)
  args.writeUInt32LE(5, 4)
  const header = Buffer.alloc(84)
  header.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1])
  header.writeUInt16LE(2, 16)
  header.writeUInt16LE(3, 18)
  header.writeUInt32LE(1, 20)
  header.writeUInt32LE(base + 84, 24)
  header.writeUInt32LE(52, 28)
  header.writeUInt16LE(52, 40)
  header.writeUInt16LE(32, 42)
  header.writeUInt16LE(1, 44)
  const size = 84 + code.length + args.length
  for (const [index, value] of [1, 0, base, base, size, size, 5, 4096].entries()) {
    header.writeUInt32LE(value, 52 + 4 * index)
  }
  return Buffer.concat([header, code, args])
}

function run32Bit(number: number, filter: Buffer | null = FILTER): Run['end'] {
  const directory = mkdtempSync(join(tmpdir(), 'tsstack-elf32-'))
  try {
    const path = join(directory, 'program')
    writeFileSync(path, elf32(number), { mode: 0o700 })
    const program = new Program()
    if (filter) loadSeccomp(program, filter)
    const argv = program.pointers([program.text('program')])
    program.call('execve', [program.text(path), argv, program.pointers([])])
    program.call('exit_group', [99])
    return run(program).end
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function canRun32Bit(): boolean {
  const end = run32Bit(20, null)
  return end.kind === 'exited' && end.code === 0
}
