/** What is sent: one line of a container, or a part of a long one. */

import type { LogStream } from '../format.ts'

export interface LogMessage {
  readonly stream: LogStream
  /** When its first byte was read, in milliseconds since the epoch. */
  readonly time: number
  /** Without its newline. */
  readonly bytes: Uint8Array
  /** Present for a part of a line that is too long for one message. */
  readonly part?: { readonly ordinal: number; readonly isLast: boolean; readonly id: string }
}

/** Of syslog(3): what a line of each stream is. */
export const SEVERITY: Readonly<Record<LogStream, number>> = { stdout: 6, stderr: 3 }

/** The container as loggers name it. */
export interface Identity {
  readonly name: string
  /** 64 hex digits. */
  readonly id: string
  readonly image: string
  /** What the file's `tag` says. */
  readonly tag: string
}
