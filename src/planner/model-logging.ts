/** The model of logging: what is kept of a container's output, and who else is told. */

import type { SyslogAddress } from '../spec/index.ts'

export interface LoggingSpec {
  readonly driver: 'local' | 'none'
  readonly segmentBytesMax: number
  readonly segmentsMax: number
  /** Absent: the files are all there is. */
  readonly forward?: ForwardSpec
}

export type ForwardSpec = JournalSpec | SyslogSpec

/** To systemd's journal. */
export interface JournalSpec {
  readonly driver: 'journald'
  /** With `{{.Name}}` and the like. */
  readonly tag: string
  /** Beside those of Docker's driver. */
  readonly fields: Readonly<Record<string, string>>
}

export interface SyslogSpec {
  readonly driver: 'syslog'
  readonly tag: string
  readonly address: SyslogAddress
  /** 0 to 23. */
  readonly facility: number
  readonly format: SyslogFormat
}

/** '': as syslog(3) writes it. */
export type SyslogFormat = '' | 'rfc3164' | 'rfc5424' | 'rfc5424micro'
