/** Runs a launch program and returns what it wrote to descriptor 1 and how it ended. */

import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { declare } from '../../../src/linux/libc.ts'
import type { LaunchProgram } from '../../../src/linux/launch/filled.ts'
import { spawn, waitForExit, type WaitResult } from '../../../src/linux/launch/spawn.ts'

const pipe2 = declare('int pipe2(_Out_ int *fds, int flags)')

export interface Run {
  readonly output: Buffer
  readonly end: WaitResult
}

export function pipe(): [read: number, write: number] {
  const fds = [0, 0]
  pipe2(fds, 0o2000000)
  return [fds[0] ?? -1, fds[1] ?? -1]
}

export function run(program: LaunchProgram, title = 'tsstack: test'): Run {
  const [read, write] = pipe()
  const pid = spawn(program, { title, descriptors: { 1: write } })
  closeSync(write)
  const output = readAll(read)
  closeSync(read)
  return { output, end: waitForExit(pid) }
}

function readAll(fd: number): Buffer {
  const parts: Buffer[] = []
  const part = Buffer.alloc(65_536)
  for (let n = readSync(fd, part); n > 0; n = readSync(fd, part)) {
    parts.push(Buffer.from(part.subarray(0, n)))
  }
  return Buffer.concat(parts)
}

export const QEMU_ARM64: string | undefined = ['qemu-aarch64', 'qemu-aarch64-static'].find(
  (name) => spawnSync(name, ['-version']).status === 0,
)

/** The same for an arm64 program, under qemu's user mode emulation. */
export function runArm64(program: LaunchProgram): Run {
  const directory = mkdtempSync(join(tmpdir(), 'tsstack-arm64-'))
  const path = join(directory, 'program')
  try {
    writeFileSync(path, program.image(), { mode: 0o700 })
    const { stdout, status } = spawnSync(QEMU_ARM64 ?? 'qemu-aarch64', [path])
    return { output: stdout, end: { kind: 'exited', code: status ?? -1, status: -1 } }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

export function procField(pid: number, field: string): string | undefined {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(status)?.[1]
}
