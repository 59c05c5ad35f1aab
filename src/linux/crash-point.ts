/**
 * A test facility: TSSTACK_CRASH_AFTER=N kills this process after its Nth side effect, so that a
 * test can stop it at every one of them and see that the next run takes up where it ended. Side
 * effects are the calls of this room that change more than this process, changes of files once
 * {@link countFileChanges} was called, and the operations of launch programs, before any of which
 * the program may be killed instead. TSSTACK_CRASH_TRACE=FILE writes down what they are.
 */

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { syscallNumber } from './syscalls/index.ts'

const crashAfter = Number(process.env['TSSTACK_CRASH_AFTER'] ?? Number.NaN)
const traceFile = process.env['TSSTACK_CRASH_TRACE']
const { openSync, writeSync } = fs
const traceFd = traceFile === undefined ? undefined : openSync(traceFile, 'a', 0o600)

/** False outside of tests: nothing is wrapped, and nothing costs anything. */
export const isCounting: boolean = !Number.isNaN(crashAfter) || traceFile !== undefined

let count = 0

/** To be called after each side effect. */
function sideEffect(name: string): void {
  count += 1
  trace(name)
  if (count === crashAfter) process.kill(process.pid, 'SIGKILL')
}

/**
 * Counts the operations of a launch program, each named by `nameOf`. Returns the index of the one
 * instead of which the program is to be killed; undefined: it may live.
 */
export function crashOperation(
  operations: number,
  nameOf: (index: number) => string,
): number | undefined {
  const first = count
  for (let index = 0; index < operations; index += 1) {
    count += 1
    trace(`program: ${nameOf(index)}`)
  }
  const index = crashAfter - first - 1
  return index >= 0 && index < operations ? index : undefined
}

function trace(text: string): void {
  if (traceFd !== undefined) writeSync(traceFd, `${text.replaceAll('\n', ' ')}\n`)
}

/** Functions of the C library that only look, or change nothing but this process. */
const HARMLESS =
  /^(?:close|close_range|waitpid|recv|getsock\w+|fstatfs|llistxattr|lgetxattr|fcntl|clock_gettime|pipe2|memfd_create|socket|posix_spawn\w+|openat|flock|inotify_\w+|if_nametoindex)$/

/** The same of raw system calls, by number. */
const HARMLESS_NUMBERS: ReadonlySet<unknown> = new Set(
  (['openat2', 'pidfd_open', 'pidfd_getfd', 'ppoll', 'prlimit64'] as const).map((name) =>
    syscallNumber(name),
  ),
)

/** `call`, which counts when its prototype says that it changes something, and it did. */
export function counted<Call extends (...args: readonly unknown[]) => number | bigint>(
  prototype: string,
  call: Call,
): Call {
  const name = /(\w+)\(/.exec(prototype)?.[1] ?? prototype
  if (HARMLESS.test(name)) return call
  const counting = (...args: readonly unknown[]): number | bigint => {
    const result = call(...args)
    // A failed call has changed nothing, and nothing may come between it and a look at errno.
    if (result < 0) return result
    if (name === 'syscall' && HARMLESS_NUMBERS.has(args[0])) return result
    sideEffect(`${name}(${args.filter(isTelling).join(', ')})`)
    return result
  }
  return counting as Call
}

const FILE_CHANGES =
  /^(?:write|appendFile|writeFile|rename|rm|rmdir|unlink|mkdir|mkdtemp|symlink|link|chmod|chown|lchown|fchmod|fchown|truncate|ftruncate|copyFile|cp|utimes|lutimes|fsync)Sync$/

/** From here on every change of a file or directory by this process counts. */
export function countFileChanges(): void {
  if (!isCounting) return
  const functions = fs as unknown as Record<string, (...args: readonly unknown[]) => unknown>
  for (const [name, change] of Object.entries(functions)) {
    if (FILE_CHANGES.test(name)) functions[name] = wrapped(name, change)
  }
  syncBuiltinESMExports()
}

function wrapped<Call extends (...args: readonly unknown[]) => unknown>(
  name: string,
  call: Call,
): Call {
  const counting = (...args: readonly unknown[]): unknown => {
    const result = call(...args)
    sideEffect(`${name}(${args.filter(isTelling).join(', ')})`)
    return result
  }
  return counting as Call
}

function isTelling(argument: unknown): boolean {
  return typeof argument === 'number' || (typeof argument === 'string' && argument.length < 200)
}
