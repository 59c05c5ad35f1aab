import { expect, test } from 'vitest'
import { errors, load } from './stack.ts'

const stack = (logging: string): string =>
  `services:\n  web:\n    image: x\n    logging: { ${logging} }\n`

test.each([
  'driver: journald, options: { tag: "{{.Name}}/{{ .ID }}", labels: a, env: b, mode: non-blocking }',
  'driver: syslog',
  'driver: syslog, options: { syslog-address: "unixgram:///dev/log", syslog-facility: "16" }',
  'driver: syslog, options: { syslog-address: "tcp://h:1", syslog-format: rfc3164 }',
  'driver: none',
])('logging { %s } is taken as it is', (logging) => {
  expect(load(stack(logging)).diagnostics).toEqual([])
})

test.each([
  ['driver: gelf', 'there is no driver "gelf"; it is one of json-file, local, none, journald'],
  ['driver: journald, options: { tag: "{{.Nam}}" }', 'option "tag": it can name {{.ID}}, '],
  ['driver: journald, options: { syslog-facility: x }', 'the driver has no such option'],
  ['driver: syslog, options: { syslog-address: "h:1" }', 'write it as unix:///PATH, '],
  ['driver: syslog, options: { syslog-address: "tcp+tls://h" }', 'write it as unix:///PATH, '],
  ['driver: syslog, options: { syslog-address: "udp://h:0" }', 'write it as unix:///PATH, '],
  ['driver: syslog, options: { syslog-facility: "24" }', 'it is one of kern, user, '],
  ['driver: syslog, options: { syslog-format: gelf }', 'it is one of rfc3164, '],
  ['driver: syslog, options: { env-regex: "(" }', 'it is no regular expression'],
])('logging { %s } is refused by up, and warned of by config', (logging, problem) => {
  const message = expect.stringContaining(problem)
  expect(errors(stack(logging))).toMatchObject([
    { rule: 'invalid-logging', severity: 'error', message },
  ])
  const { diagnostics } = load(stack(logging), { phases: { feasibility: false } })
  expect(diagnostics).toMatchObject([{ rule: 'invalid-logging', severity: 'warning', message }])
})
