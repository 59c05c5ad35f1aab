/**
 * Where and how the `syslog` logging driver sends: options of Docker's driver.
 * @see https://docs.docker.com/engine/logging/drivers/syslog/
 */

export type SyslogAddress =
  /** What syslog(3) uses. */
  | { readonly kind: 'local' }
  | { readonly kind: 'unix' | 'unixgram'; readonly path: string }
  | { readonly kind: 'tcp' | 'udp'; readonly host: string; readonly port: number }

const PORT_DEFAULT = 514

/** Undefined for what is no address, or for one that cannot be reached from here. */
export function syslogAddressOf(text: string): SyslogAddress | undefined {
  if (text === '') return { kind: 'local' }
  const [, kind, rest = ''] = /^([a-z]+):\/\/(.+)$/.exec(text) ?? []
  if (kind === 'unix' || kind === 'unixgram') {
    return rest.startsWith('/') ? { kind, path: rest } : undefined
  }
  return kind === 'tcp' || kind === 'udp' ? hostAndPort(kind, rest) : undefined
}

function hostAndPort(kind: 'tcp' | 'udp', text: string): SyslogAddress | undefined {
  const [, six, four, digits] = /^(?:\[([^\]]+)\]|([^:[\]/]+))(?::(\d+))?\/?$/.exec(text) ?? []
  const host = six ?? four
  const port = digits === undefined ? PORT_DEFAULT : Number(digits)
  return host === undefined || port < 1 || port > 65_535 ? undefined : { kind, host, port }
}

/** In the order of their numbers. @see syslog(3), RFC 5424 6.2.1 */
export const SYSLOG_FACILITIES: readonly string[] = (
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp - - - - ' +
  'local0 local1 local2 local3 local4 local5 local6 local7'
)
  .split(' ')
  .map((name) => (name === '-' ? '' : name))

/** Its number; undefined when there is none of that name or number. Default: `daemon`. */
export function syslogFacilityOf(text: string): number | undefined {
  const name = text === '' ? 'daemon' : text
  const number = /^\d+$/.test(name) ? Number(name) : SYSLOG_FACILITIES.indexOf(name)
  return number >= 0 && number < SYSLOG_FACILITIES.length ? number : undefined
}

export const SYSLOG_FORMATS: readonly string[] = ['', 'rfc3164', 'rfc5424', 'rfc5424micro']

/** What a `tag` can name in `{{.Name}}`. */
export const LOG_TAG_WORDS: readonly string[] =
  'ID FullID Name ImageID ImageFullID ImageName DaemonName'.split(' ')

/** `tag` with `{{.Name}}` and the like replaced; `valueOf` is asked for {@link LOG_TAG_WORDS}. */
export function renderLogTag(tag: string, valueOf: (word: string) => string | undefined): string {
  return tag.replaceAll(/\{\{\s*\.(\w+)\s*\}\}/g, (all, word: string) => valueOf(word) ?? all)
}
