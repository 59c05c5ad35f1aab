/** The one place that loads koffi: typed declarations of libc functions and of raw system calls. */

import koffi from 'koffi'
import { KernelError } from '../errors.ts'
import { counted, isCounting } from './crash-point.ts'
import { errnoName, errnoText } from './errno.ts'

const libc = koffi.load(null)

/** A declared function. Negative results mean failure; pass them through {@link check}. */
export type LibcFunction = (...args: readonly unknown[]) => number | bigint

/** Declares a function of the C library from its prototype, such as `int close(int fd)`. */
export function declare(prototype: string): LibcFunction {
  const call: LibcFunction = libc.func(prototype)
  return isCounting ? counted(prototype, call) : call
}

/** The same for a call that blocks: it runs on a thread of the pool. */
export function declareAsync(
  prototype: string,
): (...args: readonly unknown[]) => Promise<number | bigint> {
  const call = libc.func(prototype)
  return (...args) =>
    new Promise((resolve, reject) => {
      call.async(...args, (error: Error | null, result: number | bigint) => {
        if (error) reject(error)
        else resolve(result)
      })
    })
}

const syscallVariants = new Map<string, LibcFunction>()

/**
 * A raw system call by number, for calls that old C libraries do not wrap.
 * `types` are the C types of the arguments, such as `['int', 'const char *', 'void *', 'size_t']`.
 * @see syscall(2)
 */
export function declareSyscall(number: number, types: readonly string[]): LibcFunction {
  const key = types.join(',')
  let variant = syscallVariants.get(key)
  if (!variant) {
    const parameters = ['long', ...types].map((type, index) => `${type} a${index}`).join(', ')
    variant = declare(`long syscall(${parameters})`)
    syscallVariants.set(key, variant)
  }
  const call = variant
  return (...args) => call(number, ...args)
}

/**
 * Returns `result` as a number, or throws a {@link KernelError} that names the call and errno.
 * Has to be the first thing after the call: errno belongs to the thread and the next call resets
 * it.
 */
export function check(
  result: number | bigint,
  failure: { readonly syscall: string; readonly args?: readonly unknown[]; readonly hint?: string },
): number {
  if (result >= 0) return Number(result)
  throw kernelError(koffi.errno(), failure)
}

/** errno of the last failed call on this thread. */
export function lastErrno(): number {
  return koffi.errno()
}

/**
 * Builds the error of a failed call: `mount("overlay", "/…/merged") failed: EINVAL (Invalid
 * argument)`.
 */
export function kernelError(
  errno: number,
  failure: {
    readonly syscall: string
    readonly args?: readonly unknown[]
    readonly hint?: string | undefined
  },
): KernelError {
  const args = (failure.args ?? []).map((arg) =>
    typeof arg === 'string' ? JSON.stringify(arg) : String(arg),
  )
  return new KernelError(
    {
      call: `${failure.syscall}(${args.join(', ')})`,
      syscall: failure.syscall,
      errno,
      errnoName: errnoName(errno),
      errnoText: errnoText(errno),
    },
    { hint: failure.hint },
  )
}
