import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { declare } from '../../../src/linux/libc.ts'
import { fileExecutable, memoryExecutable } from '../../../src/linux/launch/executable.ts'
import { Program } from '../../../src/linux/launch/program.ts'
import {
  decodeWaitStatus,
  reap,
  reapChildren,
  spawn,
  waitForExit,
} from '../../../src/linux/launch/spawn.ts'
import { pipe, procField } from './harness.ts'

const fcntl = declare('int fcntl(int fd, int command, int argument)')

/**
 * A program that says when it runs (a byte to descriptor 1) and then blocks reading descriptor 0.
 */
function waiting(): Program {
  const program = new Program()
  const byte = program.zeroed(8)
  program.call('write', [1, byte, 1])
  program.call('read', [0, byte, 1])
  program.call('exit_group', [0])
  return program
}

interface Waiting {
  readonly title?: string
  readonly newSession?: boolean
  readonly more?: Record<number, number>
}

function withWaiting<T>(options: Waiting, look: (pid: number) => T): T {
  return withProgram(waiting(), options, look)
}

function withProgram<T>(program: Program, options: Waiting, look: (pid: number) => T): T {
  const input = pipe()
  const output = pipe()
  const descriptors = { ...options.more, 0: input[0], 1: output[1] }
  const { title = 'tsstack: waiting', newSession } = options
  const pid = spawn(program, { title, newSession, descriptors })
  try {
    const byte = Buffer.alloc(1)
    readSync(output[0], byte)
    return look(pid)
  } finally {
    for (const fd of [...input, ...output]) closeSync(fd)
    waitForExit(pid)
  }
}

describe('spawn()', () => {
  test('gives the child exactly the descriptors asked for', () => {
    const [read, write] = pipe()
    try {
      withWaiting({ more: { 5: read, 9: write } }, (pid) => {
        expect(openFds(pid)).toEqual([0, 1, 5, 9])
        expect(readlinkSync(`/proc/${pid}/fd/5`)).toBe(readlinkSync(`/proc/self/fd/${read}`))
        expect(readlinkSync(`/proc/${pid}/fd/9`)).toBe(readlinkSync(`/proc/self/fd/${write}`))
      })
    } finally {
      closeSync(read)
      closeSync(write)
    }
  })

  test('passes nothing on that was left open without close-on-exec', () => {
    const secret = openSync('/etc/passwd', 'r')
    fcntl(secret, 2, 0)
    try {
      withWaiting({}, (pid) => {
        expect(openFds(pid)).toEqual([0, 1])
      })
    } finally {
      closeSync(secret)
    }
  })

  test('can exchange descriptor numbers and keep a number as it is', () => {
    const [a, b, same] = ['a', 'b', 'same'].map((name) => {
      const directory = mkdtempSync(join(tmpdir(), 'tsstack-fd-'))
      const fd = openSync(join(directory, name), 'w+')
      rmSync(directory, { recursive: true })
      return fd
    }) as [number, number, number]
    try {
      withWaiting({ more: { [a]: b, [b]: a, [same]: same } }, (pid) => {
        expect(link(pid, a)).toBe(link('self', b))
        expect(link(pid, b)).toBe(link('self', a))
        expect(link(pid, same)).toBe(link('self', same))
        expect(readdirSync(`/proc/${pid}/fd`)).toHaveLength(5)
      })
    } finally {
      for (const fd of [a, b, same]) closeSync(fd)
    }
  })

  test('starts the program although its own descriptor number is asked for', () => {
    const program = new Program()
    program.call('exit_group', [5])
    const free = openSync('/dev/null', 'r')
    closeSync(free)
    const [read, write] = pipe()
    const descriptors = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [free + index, write]),
    )
    const pid = spawn(program, { title: 'tsstack: test', descriptors })
    closeSync(read)
    closeSync(write)
    expect(waitForExit(pid)).toMatchObject({ kind: 'exited', code: 5 })
  })

  test('starts with no signal ignored or blocked, no environment, its title and a session', () => {
    withWaiting({ title: 'tsstack: monitor web.1' }, (pid) => {
      for (const field of ['SigIgn', 'SigBlk', 'SigCgt']) {
        expect([field, procField(pid, field)]).toEqual([field, '0000000000000000'])
      }
      expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toBe('')
      expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toBe('tsstack: monitor web.1\0')
      expect(sessionOf(pid)).toBe(pid)
    })
    withWaiting({ newSession: false }, (pid) => {
      expect(sessionOf(pid)).toBe(sessionOf('self'))
    })
  })

  test('leaves an idle program of one page with one page, beside its stack', () => {
    withWaiting({}, (pid) => {
      expect(imageKb(pid)).toBe(4)
    })
  })

  test('leaves a program that released its cold part with code and one page', () => {
    const program = new Program()
    const byte = program.zeroed(8)
    const start = program.label('start')
    const wait = program.label('wait')
    program.jump(start)
    program.place(wait)
    program.releaseCold()
    program.call('write', [1, byte, 1])
    program.call('read', [0, byte, 1])
    program.call('exit_group', [0])
    program.coldFromHere()
    program.place(start)
    for (let index = 0; index < 300; index++) program.call('getpid')
    program.bytes(Buffer.alloc(30_000, 1))
    program.jump(wait)
    withProgram(program, {}, (pid) => expect(imageKb(pid)).toBe(8))
  })

  test('runs from a sealed memory file that cannot be written to', () => {
    withWaiting({}, (pid) => {
      expect(readlinkSync(`/proc/${pid}/exe`)).toContain('memfd:tsstack')
      let message = ''
      try {
        const fd = openSync(`/proc/${pid}/exe`, 'r+')
        try {
          writeSync(fd, 'x')
        } finally {
          closeSync(fd)
        }
      } catch (error) {
        message = String(error)
      }
      expect(message).toMatch(/ETXTBSY|EPERM|EACCES/)
    })
  })

  test('launches 1,000 programs without failure, leaving no descriptor and no zombie', () => {
    const before = readdirSync('/proc/self/fd').length
    for (let index = 0; index < 1000; index++) {
      const program = new Program()
      program.call('exit_group', [index % 256])
      const pid = spawn(program, { title: 'tsstack: test' })
      expect(waitForExit(pid)).toMatchObject({ kind: 'exited', code: index % 256 })
    }
    expect(readdirSync('/proc/self/fd').length).toBe(before)
    expect(childrenOfSelf()).toEqual([])
  })
})

describe('reap()', () => {
  test('says running, how it ended, and then gone', () => {
    const input = pipe()
    const output = pipe()
    const descriptors = { 0: input[0], 1: output[1] }
    const pid = spawn(waiting(), { title: 'tsstack: test', descriptors })
    expect(reap(pid)).toEqual({ kind: 'running' })
    expect(reapChildren([pid])).toEqual([pid])
    process.kill(pid, 'SIGTERM')
    expect(waitForExit(pid)).toMatchObject({ kind: 'signaled', signal: 15 })
    expect(reap(pid)).toEqual({ kind: 'gone' })
    expect(reapChildren([pid])).toEqual([])
    for (const fd of [...input, ...output]) closeSync(fd)
  })

  test('decodeWaitStatus() tells an exit from a signal, with and without core dump', () => {
    expect(decodeWaitStatus(0x2a00)).toEqual({ kind: 'exited', code: 42, status: 0x2a00 })
    expect(decodeWaitStatus(9)).toEqual({ kind: 'signaled', signal: 9, status: 9 })
    expect(decodeWaitStatus(0x8b)).toEqual({ kind: 'signaled', signal: 11, status: 0x8b })
  })
})

describe('fileExecutable()', () => {
  test('writes the same program as a private file and removes it', () => {
    const directory = mkdtempSync(join(tmpdir(), 'tsstack-exe-'))
    try {
      const program = new Program()
      program.call('exit_group', [9])
      const executable = fileExecutable(directory, program.image())
      expect(readdirSync(directory)).toHaveLength(1)
      expect(() => execFileSync(executable.path)).toThrow(expect.objectContaining({ status: 9 }))
      executable.release()
      expect(readdirSync(directory)).toEqual([])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('memoryExecutable() takes a descriptor of at least the number asked for', () => {
    const executable = memoryExecutable('tsstack', Buffer.from('x'), 60)
    expect(Number(executable.path.split('/').at(-1))).toBeGreaterThanOrEqual(60)
    executable.release()
  })
})

test('a stopped and continued program goes on where it was', () => {
  withWaiting({}, (pid) => {
    process.kill(pid, 'SIGSTOP')
    process.kill(pid, 'SIGCONT')
    expect(reap(pid)).toEqual({ kind: 'running' })
  })
})

function link(pid: number | 'self', fd: number): string {
  return readlinkSync(`/proc/${pid}/fd/${fd}`)
}

/**
 * Memory of the image itself; Pss, because the one page of a small image is mapped twice, as code
 * and as data.
 * Beside it there is the stack that the kernel makes: 4 to 12 KB, as it is placed at random.
 */
function imageKb(pid: number): number {
  const smaps = readFileSync(`/proc/${pid}/smaps`, 'utf8')
  const mappings = smaps.matchAll(/^[0-9a-f]+-.*memfd:tsstack[^]*?^Pss:\s*(\d+) kB/gm)
  return [...mappings].reduce((sum, [, kb]) => sum + Number(kb), 0)
}

function openFds(pid: number): number[] {
  return readdirSync(`/proc/${pid}/fd`)
    .map(Number)
    .sort((a, b) => a - b)
}

function sessionOf(pid: number | 'self'): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])
}

function childrenOfSelf(): string[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
}
