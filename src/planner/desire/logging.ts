/** Where the output of a container goes: files of ours, and a daemon of the host beside them. */

import { LOG_SEGMENT_BYTES_MAX, LOG_SEGMENTS_MAX } from '../../limits.ts'
import { type Service, syslogAddressOf, syslogFacilityOf } from '../../spec/index.ts'
import type { ForwardSpec, LoggingSpec, SyslogFormat } from '../model-logging.ts'
import { sizeBytes } from './units.ts'

type Options = Readonly<Record<string, string>>

/**
 * `max-size` and `max-file` of Docker's json-file and local drivers; with journald and syslog files
 * are kept as well, as Docker's dual logging does, so that `logs` works and nothing is lost while
 * the daemon is away.
 */
export function loggingOf({ logging = {}, labels = {}, environment = {} }: Service): LoggingSpec {
  const { driver, options = {} } = logging
  if (driver === 'none') return { driver: 'none', segmentBytesMax: 0, segmentsMax: 0 }
  const forward = forwardOf(driver, options, { labels, environment })
  const segments = segmentsOf(options, forward === undefined ? '' : 'cache-')
  return { driver: 'local', ...segments, ...(forward === undefined ? {} : { forward }) }
}

function segmentsOf(
  options: Options,
  prefix: '' | 'cache-',
): Pick<LoggingSpec, 'segmentBytesMax' | 'segmentsMax'> {
  const size = sizeBytes(options[`${prefix}max-size`]) ?? LOG_SEGMENT_BYTES_MAX
  const files = Number(options[`${prefix}max-file`] ?? LOG_SEGMENTS_MAX)
  return {
    // -1 is Docker's word for a file without end.
    segmentBytesMax: size > 0 ? size : Number.MAX_SAFE_INTEGER,
    segmentsMax: Number.isInteger(files) && files > 0 ? files : LOG_SEGMENTS_MAX,
  }
}

type Attributes = Readonly<
  Record<'labels' | 'environment', Readonly<Record<string, string | null>>>
>

function forwardOf(
  driver: string | undefined,
  options: Options,
  attributes: Attributes,
): ForwardSpec | undefined {
  const tag = options['tag'] || '{{.ID}}'
  if (driver === 'journald') {
    return { driver, tag, fields: fieldsOf(options, attributes) }
  }
  if (driver !== 'syslog') return undefined
  return {
    driver,
    tag,
    address: syslogAddressOf(options['syslog-address'] ?? '') ?? { kind: 'local' },
    facility: syslogFacilityOf(options['syslog-facility'] ?? '') ?? DAEMON,
    format: (options['syslog-format'] ?? '') as SyslogFormat,
  }
}

const DAEMON = 3 // LOG_DAEMON of syslog(3)

/** Labels and variables that `labels`, `env` and their patterns name, as fields of the journal. */
function fieldsOf(
  options: Options,
  { labels, environment }: Attributes,
): Readonly<Record<string, string>> {
  const entries = [
    ...chosen(labels, options['labels'], options['labels-regex']),
    ...chosen(environment, options['env'], options['env-regex']),
  ]
  return Object.fromEntries(
    entries.flatMap(([key, value]) => {
      const field = journalField(key)
      return field === '' ? [] : [[field, value]]
    }),
  )
}

function chosen(
  values: Readonly<Record<string, string | null>>,
  names: string | undefined,
  pattern: string | undefined,
): readonly (readonly [string, string])[] {
  const wanted = new Set((names ?? '').split(',').filter(Boolean))
  const expression = pattern === undefined || pattern === '' ? undefined : new RegExp(pattern, 'u')
  return Object.entries(values).flatMap(([key, value]) =>
    value !== null && (wanted.has(key) || expression?.test(key) === true) ? [[key, value]] : [],
  )
}

/** Capitals, digits and `_`, which is not the first: journald drops other fields. */
function journalField(name: string): string {
  return name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/gu, '_')
    .replace(/^_+/u, '')
}
