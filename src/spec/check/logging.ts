/** Checks that output can go where `logging` sends it, and that its driver knows the options. */
import {
  LOG_TAG_WORDS,
  renderLogTag,
  SYSLOG_FACILITIES,
  SYSLOG_FORMATS,
  syslogAddressOf,
  syslogFacilityOf,
} from '../units/syslog.ts'
import type { ServiceRule } from './check.ts'

/** What is wrong with the value of an option; undefined: nothing. */
type OptionCheck = (value: string) => string | undefined

const anything: OptionCheck = () => undefined

const pattern: OptionCheck = (value) => {
  try {
    ''.search(new RegExp(value, 'u'))
    return undefined
  } catch {
    return 'it is no regular expression'
  }
}

const tag: OptionCheck = (value) => {
  const rest = renderLogTag(value, (word) => (LOG_TAG_WORDS.includes(word) ? '' : undefined))
  if (!rest.includes('{{')) return undefined
  const words = LOG_TAG_WORDS.map((word) => `{{.${word}}}`).join(', ')
  return `it can name ${words}`
}

/** Of every driver that sends. */
const COMMON: Readonly<Record<string, OptionCheck>> = {
  tag,
  labels: anything,
  'labels-regex': pattern,
  env: anything,
  'env-regex': pattern,
  mode: (value) =>
    value === 'blocking' || value === 'non-blocking' ? undefined : 'it is blocking or non-blocking',
  'max-buffer-size': anything,
  'cache-disabled': anything,
  'cache-max-size': anything,
  'cache-max-file': anything,
  'cache-compress': anything,
}

const DRIVERS: Readonly<Record<string, Readonly<Record<string, OptionCheck>>>> = {
  journald: COMMON,
  syslog: {
    ...COMMON,
    'syslog-address': (value) =>
      syslogAddressOf(value)
        ? undefined
        : 'write it as unix:///PATH, unixgram:///PATH, tcp://HOST:PORT or udp://HOST:PORT',
    'syslog-facility': (value) =>
      syslogFacilityOf(value) === undefined
        ? `it is one of ${SYSLOG_FACILITIES.filter(Boolean).join(', ')}, or its number`
        : undefined,
    'syslog-format': (value) =>
      SYSLOG_FORMATS.includes(value)
        ? undefined
        : `it is one of ${SYSLOG_FORMATS.filter(Boolean).join(', ')}`,
  },
}

/** Those that keep output in files of tsstack, or nowhere. */
const OF_OUR_OWN = ['', 'json-file', 'local', 'none']

export const checkLogging: ServiceRule = (name, { logging }, context) => {
  const { report, feasibility, placeOf } = context
  if (logging === undefined || context.isDoubtful('services', name, 'logging')) return
  const say = (path: readonly string[], problem: string, hint?: string): void => {
    const finding = {
      rule: 'invalid-logging',
      place: placeOf(['services', name, 'logging', ...path]),
      message: `Cannot log the output of "${name}": ${problem}`,
      ...(hint === undefined ? {} : { hint }),
    }
    if (feasibility) report.error(finding)
    else report.warn(finding)
  }
  const { driver = '', options = {} } = logging
  if (OF_OUR_OWN.includes(driver)) return
  const checks = Object.hasOwn(DRIVERS, driver) ? DRIVERS[driver] : undefined
  if (checks === undefined) {
    return say(
      ['driver'],
      `there is no driver "${driver}"; it is one of json-file, local, none, journald, syslog`,
      'journald and syslog can pass output on to any other place',
    )
  }
  for (const [option, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, option) ? checks[option] : undefined
    const problem = check
      ? check(value)
      : `the driver has no such option; it has ${Object.keys(checks).join(', ')}`
    if (problem !== undefined) say(['options', option], `option "${option}": ${problem}`)
  }
}
