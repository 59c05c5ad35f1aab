import { expect, test } from 'vitest'
import { renderConfig } from '../../src/spec/index.ts'
import { errors, request } from './stack.ts'

const stackOf = (line: string): string =>
  `services:\n  web:\n    image: x\n    ${line}\nvolumes: {v: {}}\nsecrets: {s: {file: s}}\nconfigs: {c: {file: c}}\n`

const said = (line: string): readonly string[] =>
  errors(stackOf(line)).map(({ message, line: at }) => `${at}: ${message}`)

const part = (subpath: string): string =>
  `volumes: [{type: volume, source: v, target: /v, volume: {subpath: ${subpath}}}]`

const NO_DEVICES = '4: Cannot mount a tmpfs at /dev of "web": no device in it could be opened'
const OUTSIDE = 'a subpath must be a relative path within the volume'

test.each([
  ['tmpfs: /dev', NO_DEVICES],
  ['tmpfs: ["/dev/:size=1m,exec"]', NO_DEVICES],
  ['volumes: [{type: tmpfs, target: /x/../dev}]', NO_DEVICES],
  [part('../..'), `4: Cannot mount "../.." of "web": ${OUTSIDE}`],
  [part('a/../../b'), `4: Cannot mount "a/../../b" of "web": ${OUTSIDE}`],
  ['secrets: [{source: s, target: ..}]', '4: Cannot put "s" of "web" at "..": it is a file'],
  ['secrets: [{source: s, target: /run/x/../}]', '4: Cannot put "s" of "web" at "/run/x/../"'],
  ['configs: [{source: c, target: /}]', '4: Cannot put "c" of "web" at "/"'],
  ['configs: [c, {source: c, target: ./}]', '4: Cannot put "c" of "web" at "./"'],
  [part('/a'), `4: Cannot mount "/a" of "web": ${OUTSIDE}`],
  ['working_dir: "/a\\0b"', String.raw`4: Cannot use "/a\u0000b": it has a NUL in it`],
  ['command: [a, "b\\0"]', String.raw`4: Cannot use "b\u0000": it has a NUL in it`],
  ['environment: {"a\\0": b}', 'it has a NUL in it'],
])('loadStack() refuses %s at its line', (line, wanted) => {
  const messages = said(line)
  expect(messages).toEqual([expect.stringContaining(wanted)])
})

test.each([
  'tmpfs: ["/dev:rw,dev", /dev/shm, /run, /device]',
  'volumes: [{type: tmpfs, target: /dev/shm}]',
  part('a/../b'),
  part('..a/b'),
  'secrets: [s, {source: s, target: ../t}, {source: s, target: /etc/t/}]',
  'configs: [c, {source: c, target: a/..b}, {source: c, target: .c}]',
])('loadStack() takes %s', (line) => {
  expect(said(line)).toEqual([])
})

test.each([
  ['a /dev without devices', 'tmpfs: /dev'],
  ['a directory for a file', 'configs: [{source: c, target: /}]'],
])('renderConfig() only warns of %s, which Compose does not look at', (_, line) => {
  const { diagnostics } = renderConfig(request(stackOf(line)))
  expect(diagnostics.map(({ severity }) => severity)).toEqual(['warning'])
})
