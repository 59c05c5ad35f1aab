import { expect, test } from 'vitest'
import { renderConfig } from '../../src/spec/index.ts'
import { errors, request } from './stack.ts'

const stackOf = (line: string): string => `services:\n  web:\n    image: x\n    ${line}\n`

const said = (line: string): readonly string[] =>
  errors(stackOf(line)).map(({ message, line: at }) => `${at}: ${message}`)

test.each([
  ['hostname: "two words"', 'hostname "two words" has a space in it'],
  ['hostname: "a\\nb"', String.raw`hostname "a\nb" has "\n" in it`],
  ['domainname: "a#b"', 'domainname "a#b" has "#" in it'],
  ['dns_search: ["a\\nnameserver 10.0.0.1"]', 'dns_search: "a\\nnameserver'],
  ['dns_opt: ["a\\tb"]', 'has a control character in it'],
  ['extra_hosts: {"a\\nb": 10.0.0.1}', 'is no name of a host'],
  [`domainname: ${'x'.repeat(65)}`, 'is longer than the 64 bytes that the kernel takes'],
  ['dns: [10.0.0.1, resolver]', 'dns: "resolver" is no IP address'],
  ['dns: resolver', 'dns: "resolver" is no IP address'],
  ['extra_hosts: ["a:b:c"]', '"b:c" of "a" is neither an IP address nor host-gateway'],
  ['extra_hosts: {a: 10.0.0.256}', '"10.0.0.256" of "a" is neither an IP address'],
  ['extra_hosts: ["two words=10.0.0.1"]', '"two words" is no name of a host'],
  ['mac_address: "zz:00"', '"zz:00" is no hardware address of one interface'],
  ['mac_address: "01:00:5e:00:00:01"', 'is no hardware address of one interface'],
  ['mac_address: "00:00:00:00:00:00"', 'is no hardware address of one interface'],
])('loadStack() says at its line what %s does wrong', (line, wanted) => {
  const messages = said(line)
  expect(messages).toHaveLength(1)
  expect(messages[0]).toMatch(/^4: Cannot connect "web": /)
  expect(messages[0]).toContain(wanted)
})

test.each([
  'hostname: under_score.example.test',
  'dns: ["10.0.0.1", "fd00::1"]',
  'dns_search: [example.test, .]',
  'dns_opt: ["ndots:2"]',
  'labels: {"a\\nb": "c\\nd"}',
  'extra_hosts: ["a:10.0.0.1", "b=host-gateway", "c:[::1]", "d:::1"]',
  'extra_hosts: {a: [10.0.0.1, 10.0.0.2]}',
  'mac_address: 02:42:AC:11:00:02',
])('loadStack() takes %s', (line) => {
  expect(said(line)).toEqual([])
})

test('renderConfig() only warns of it, as Compose looks at none of this', () => {
  const { diagnostics } = renderConfig(request(stackOf('dns: resolver')))
  expect(diagnostics.map(({ severity }) => severity)).toEqual(['warning'])
})
