/**
 * Messages as syslog daemons read them, in the forms of Docker's driver.
 * @see RFC 3164, RFC 5424, syslog(3)
 */

import type { SyslogSpec } from '../../../planner/index.ts'
import { type Identity, type LogMessage, SEVERITY } from './message.ts'

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const NEWLINE = Buffer.of(0x0a)

export class SyslogEncoder {
  readonly #facility: number
  readonly #head: (time: Date) => string

  /** `host`: this machine's name; `pid`: who sends. */
  constructor(
    { facility, format }: Pick<SyslogSpec, 'facility' | 'format'>,
    { tag }: Pick<Identity, 'tag'>,
    { host, pid }: { readonly host: string; readonly pid: number },
  ) {
    this.#facility = facility
    const heads: Readonly<Record<SyslogSpec['format'], (time: Date) => string>> = {
      '': (time) => `${stamp(time)} ${tag}[${pid}]: `,
      rfc3164: (time) => `${stamp(time)} ${host} ${tag}[${pid}]: `,
      rfc5424: (time) => `1 ${isoStamp(time, 0)} ${host} ${tag} ${pid} ${tag} - `,
      rfc5424micro: (time) => `1 ${isoStamp(time, 6)} ${host} ${tag} ${pid} ${tag} - `,
    }
    this.#head = heads[format]
  }

  encode({ stream, time, bytes }: LogMessage): Buffer {
    const priority = this.#facility * 8 + SEVERITY[stream]
    const head = `<${priority}>${this.#head(new Date(time))}`
    return Buffer.concat([Buffer.from(head), bytes, NEWLINE])
  }
}

/** `Nov  3 14:05:06`, in the time of the machine. */
function stamp(time: Date): string {
  const day = String(time.getDate()).padStart(2, ' ')
  return `${MONTHS[time.getMonth()] ?? ''} ${day} ${clock(time)}`
}

/** `2026-11-03T14:05:06.123000+01:00`, with so many digits of the second. */
function isoStamp(time: Date, digits: 0 | 6): string {
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-')
  const fraction = digits === 0 ? '' : `.${String(time.getMilliseconds()).padStart(3, '0')}000`
  return `${date}T${clock(time)}${fraction}${zone(-time.getTimezoneOffset())}`
}

function clock(time: Date): string {
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')
}

function zone(minutes: number): string {
  if (minutes === 0) return 'Z'
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60]
  return `${minutes < 0 ? '-' : '+'}${two(hours)}:${two(rest)}`
}

const two = (number: number): string => String(number).padStart(2, '0')
