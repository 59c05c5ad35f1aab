import { copyFileSync, existsSync, mkdirSync, readFileSync, readlinkSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createDetachedMount } from '../../../src/linux/detached-mount.ts'
import { close, pipe, type Fd } from '../../../src/linux/fd.ts'
import { describeFailure, parseFailure } from '../../../src/linux/launch/failure.ts'
import { Program } from '../../../src/linux/launch/program.ts'
import { spawn, waitForExit } from '../../../src/linux/launch/spawn.ts'
import { makeDirectoryIn } from '../../../src/linux/make.ts'
import { CLONE_NEW } from '../../../src/linux/namespace.ts'
import { AT_FDCWD } from '../../../src/linux/open-flags.ts'
import { leakedDescriptors, withDirectory } from '../host.ts'

const BUSYBOX = '/bin/busybox'
const SIGCHLD = 17
const MS_PRIVATE_REC = 0x44000
const MNT_DETACH = 2
const STATUS_FD = 3
const ROOT_FD = 4

/**
 * Clones a child into new namespaces, which takes the detached overlay as its root and executes a
 * shell; waits for it, and reports its pid and wait status.
 */
function containerProgram(script: string, options: { readonly hostname: string }): Program {
  const program = new Program()
  const monitor = program.label('monitor')
  const failed = program.failLabel({ reportFd: STATUS_FD })
  const report = program.zeroed(16)
  const cloneArgs = Buffer.alloc(88)
  const { mnt, pid, net, ipc, uts, cgroup } = CLONE_NEW
  cloneArgs.writeBigUInt64LE(BigInt(mnt | pid | net | ipc | uts | cgroup), 0)
  cloneArgs.writeBigUInt64LE(BigInt(SIGCHLD), 32)
  program.call('clone3', [program.bytes(cloneArgs), 88], {
    store: report,
    onPositive: monitor,
    onError: failed,
  })
  const must = (...[name, args]: Parameters<Program['call']>): void => {
    program.call(name, args, { onError: failed })
  }
  const dot = program.text('.')
  must('mount', [program.text('none'), program.text('/'), 0, MS_PRIVATE_REC])
  must('move_mount', [ROOT_FD, program.text(''), AT_FDCWD, program.text('/tmp'), 4])
  must('fchdir', [ROOT_FD])
  must('pivot_root', [dot, dot])
  must('umount2', [dot, MNT_DETACH])
  must('chdir', [program.text('/')])
  must('mount', [program.text('proc'), program.text('/proc'), program.text('proc'), 14])
  must('sethostname', [program.text(options.hostname), options.hostname.length])
  must('close_range', [3, 0xffffffff, 0])
  const argv = ['sh', '-c', script].map((text) => program.text(text))
  const environment = ['PATH=/bin'].map((text) => program.text(text))
  must('execve', [program.text('/bin/sh'), program.pointers(argv), program.pointers(environment)])
  program.place(monitor)
  const status = report + 8
  program.call('wait4', [-1, status, 0, 0], { onError: failed })
  program.call('write', [STATUS_FD, report, 16])
  program.call('exit_group', [0])
  return program
}

interface Ended {
  readonly output: string
  readonly report: Buffer
}

function runContainer(rootFd: Fd, program: Program): Ended {
  const [status, output] = [pipe(), pipe()]
  const monitor = spawn(program, {
    title: 'tsstack: monitor test',
    descriptors: { 1: output.write, 2: output.write, [STATUS_FD]: status.write, [ROOT_FD]: rootFd },
  })
  close(status.write)
  close(output.write)
  const report = Buffer.alloc(16)
  const text = Buffer.alloc(65_536)
  readSync(status.read, report)
  const length = readSync(output.read, text)
  close(status.read)
  close(output.read)
  waitForExit(monitor)
  return { output: text.toString('utf8', 0, length), report }
}

function withRoot<T>(use: (rootFd: Fd) => T): T {
  return withDirectory((directory) => {
    for (const path of ['lower/bin', 'upper', 'work']) {
      mkdirSync(join(directory, path), { recursive: true })
    }
    copyFileSync(BUSYBOX, join(directory, 'lower/bin/sh'))
    const root = createDetachedMount({
      type: 'overlay',
      options: { upperdir: join(directory, 'upper'), workdir: join(directory, 'work') },
      lowers: [join(directory, 'lower')],
    })
    makeDirectoryIn(root, 'proc', { mode: 0o555 })
    try {
      return use(root)
    } finally {
      close(root)
    }
  })
}

// Skipped where busybox-static is not installed.
describe.runIf(existsSync(BUSYBOX))('a launch program that makes a container', () => {
  test('runs a shell as pid 1 of its own namespaces, on the detached overlay alone', () => {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    const script = [
      'read -r name </proc/sys/kernel/hostname; echo pid $$ on $name',
      'for f in /proc/self/fd/*; do printf "%s " ${f##*/}; done; echo',
      'while read -r a b c; do echo "$b"; done </proc/mounts',
      'exit 3',
    ].join('\n')
    const { output, report } = withRoot((root) =>
      runContainer(root, containerProgram(script, { hostname: 'box' })),
    )
    const [first, descriptors, ...mounted] = output.trim().split('\n')
    expect(first).toBe('pid 1 on box')
    expect(
      descriptors
        ?.trim()
        .split(' ')
        .filter((fd) => Number(fd) > 3),
    ).toEqual([])
    expect(mounted).toEqual(['/', '/proc'])
    expect(report.readInt32LE(8) >> 8).toBe(3)
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(mounts)
    expect(existsSync(`/proc/${report.readBigInt64LE(0)}`)).toBe(false)
  })

  test('names the call of the child that failed', () => {
    withRoot((root) => {
      const program = containerProgram('true', { hostname: 'x'.repeat(70) })
      const notes = program.notes
      const { report } = runContainer(root, program)
      const failure = parseFailure(report)
      expect(failure).toBeDefined()
      if (!failure) return
      expect(describeFailure(notes, failure).message).toMatch(
        /^sethostname\("x{70}", 70\) failed: EINVAL \(Invalid argument\)$/,
      )
    })
  })

  test('does so 200 times without failure, leaving no process, descriptor or mount', () => {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    const leaked = leakedDescriptors(() => {
      withRoot((root) => {
        expect(readlinkSync(`/proc/self/fd/${root}`)).toBe('/')
      })
      for (let index = 0; index < 200; index++) {
        withRoot((root) => {
          const { report } = runContainer(
            root,
            containerProgram(`exit ${index}`, { hostname: 'b' }),
          )
          expect(report.readInt32LE(8)).toBe(index << 8)
        })
      }
    })
    expect(leaked).toBe(0)
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(mounts)
    expect(readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')).toBe('')
  })
})
