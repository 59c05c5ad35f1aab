/** The one place that loads koffi: typed declarations of libc functions and of raw system calls. */

import koffi from 'koffi'
import { KernelError } from '../errors.ts'
import { counted, isCounting } from './crash-point.ts'
import { errnoName, errnoText } from './errno.ts'

const libc = koffi.load(null)

/** Of the declared function that failed last. */
let errnoOfLast = 0

/** A declared function. Negative results mean failure; pass them through {@link check}. */
export type LibcFunction = (...args: readonly unknown[]) => number | bigint

/** Declares a function of the C library from its prototype, such as `int close(int fd)`. */
export function declare(prototype: string): LibcFunction {
  const bare: LibcFunction = libc.func(prototype)
  // At once: whatever runs next may be interrupted by a collection of garbage, and that sets errno.
  const call: LibcFunction = (...args) => {
    const result = bare(...args)
    if (result < 0) errnoOfLast = koffi.errno()
    return result
  }
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
 * Before another declared function is called.
 */
export function check(
  result: number | bigint,
  failure: { readonly syscall: string; readonly args?: readonly unknown[]; readonly hint?: string },
): number {
  if (result >= 0) return Number(result)
  throw kernelError(errnoOfLast, failure)
}

/** errno of the declared function that failed last. */
export function lastErrno(): number {
  return errnoOfLast
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
  // The call says where it comes from; most are caught close by, and a stack costs many of them.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
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
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
