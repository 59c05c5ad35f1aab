/** Errors that say that something is not there. */

import { KernelError } from '../../errors.ts'

/** Of our own system calls, and of node's. */
export function isMissing(error: unknown): boolean {
  if (error instanceof KernelError) return error.errnoName === 'ENOENT'
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
