/** What goes wrong while files are copied, in words that name the place. */

import { EngineError, type ErrorCode, KernelError, TsstackError, errorText } from '../../errors.ts'

/** `what`: `to "shop-web-1:/etc"`. Errors that say enough already stay as they are. */
export function explainCopy(error: unknown, what: string): unknown {
  const name = errnoOf(error)
  if (name === undefined && !(error instanceof RangeError)) return error
  const { why = errorText(error), hint, code = 'ACTION_FAILED' } = KNOWN[name ?? ''] ?? {}
  return new EngineError(code, `Cannot copy ${what}: ${why}`, { hint, cause: error })
}

/** Of a system call of ours or of node's; undefined for everything else. */
function errnoOf(error: unknown): string | undefined {
  if (error instanceof KernelError) return error.errnoName
  const isOwn = error instanceof TsstackError || !(error instanceof Error)
  return !isOwn && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

interface Known {
  readonly why: string
  readonly hint?: string
  readonly code?: ErrorCode
}

const KNOWN: Readonly<Record<string, Known>> = {
  EROFS: {
    why: 'it is read-only there',
    hint: 'copy into a volume, or change what the service has read-only',
  },
  ENOSPC: { why: 'there is no room left', code: 'DISK_FULL' },
  EDQUOT: { why: 'the quota is used up', code: 'DISK_FULL' },
  EACCES: { why: 'you may not read or write there' },
  EPERM: { why: 'you may not do that there' },
  ETXTBSY: { why: 'it is a program that runs now' },
  ELOOP: { why: 'its links are a circle' },
  ENAMETOOLONG: { why: 'its name is too long' },
}
