/** What /proc says of a process, for people: `top`. @see proc_pid_stat(5) */

import { readFileSync } from 'node:fs'

export interface ProcessReading {
  readonly pid: number
  readonly ppid: number
  /** Effective user, as our own user namespace counts. */
  readonly uid: number
  /** `pts/3`; absent without a terminal. */
  readonly terminal?: string
  /** Milliseconds of processor time so far. */
  readonly cpuMs: number
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** The words of the program, or its name in brackets when it has none. */
  readonly command: string
}

/** USER_HZ, in which /proc counts on every architecture that we know (asm/param.h). */
const TICK_MS = 10

/** Undefined when it has ended. */
export function readProcess(pid: number): ProcessReading | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    // The name, field 2, may hold spaces and parentheses; the last one closes it.
    const close = stat.lastIndexOf(')')
    const fields = stat.slice(close + 2).split(' ')
    const field = (number: number): number => Number(fields[number - 3])
    const terminal = terminalName(field(7))
    return {
      pid,
      ppid: field(4),
      uid: Number(/^Uid:\t\d+\t(\d+)/m.exec(status)?.[1] ?? 0),
      ...(terminal === undefined ? {} : { terminal }),
      cpuMs: (field(14) + field(15)) * TICK_MS,
      startedAt: bootedAt() + field(22) * TICK_MS,
      command: commandText(words, stat.slice(stat.indexOf('(') + 1, close)),
    }
  } catch {
    return undefined // ENOENT, or ESRCH when it ended between open and read.
  }
}

function commandText(words: string, name: string): string {
  const text = words.replace(/\0$/, '').replaceAll('\0', ' ')
  return text === '' ? `[${name}]` : text
}

/** Minor numbers of a pty are spread over bits 0 to 7 and 20 to 31; majors 136 to 143 are ptys. */
function terminalName(device: number): string | undefined {
  if (device === 0) return undefined
  const major = (device >> 8) & 0xfff
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00)
  return major >= 136 && major <= 143 ? `pts/${(major - 136) * 256 + minor}` : `tty${minor}`
}

let boot: number | undefined

/** Milliseconds since the epoch at which this machine was started, as /proc/stat says. */
function bootedAt(): number {
  const seconds = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]
  boot ??= Number(seconds ?? 0) * 1000
  return boot
}
