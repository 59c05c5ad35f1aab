import { expect, test } from 'vitest'
import { checkHello, checkRequest, checkSignal } from '../../src/daemon/check-request.ts'

const input = { cwd: '/srv', env: { PATH: '/bin' } }
const options = {}

test.each([
  { kind: 'hand-over' },
  { kind: 'shut-down' },
  { kind: 'status' },
  { kind: 'stacks' },
  { kind: 'observe', input, services: [] },
  { kind: 'plan', source: { kind: 'files', input }, options: { services: ['web'], graceMs: 0 } },
  { kind: 'up', source: { kind: 'files', input }, options, attach: true },
  { kind: 'down', input: { ...input, projectName: 'shop' }, options: { volumes: true } },
  { kind: 'logs', input, logs: { services: [], follow: false, tail: 5 } },
  { kind: 'exec', input, service: 'web', exec: { command: ['true'], tty: false } },
  { kind: 'exec', input, service: 'web', index: 2, exec: { command: ['sh'], tty: true } },
])('checkRequest() takes $kind as it is', (request) => {
  expect(checkRequest(request)).toEqual(request)
})

test.each([
  ['no object', 7, /"request" has to be an object/],
  ['an unknown kind', { kind: 'reboot' }, /its kind is "reboot"/],
  ['a kind of Object.prototype', { kind: 'constructor' }, /its kind is "constructor"/],
  ['a relative cwd', { kind: 'observe', input: { ...input, cwd: 'srv' } }, /"input.cwd"/],
  [
    'a stack name that leaves its directory',
    { kind: 'observe', input: { ...input, projectName: '../x' } },
    /"input.projectName"/,
  ],
  ['a missing field', { kind: 'observe', input: { cwd: '/' } }, /"input.env" has to be present/],
  ['a field too many', { kind: 'observe', input: { ...input, uid: 0 } }, /"input.uid"/],
  [
    'a zero byte in a path',
    { kind: 'observe', input: { ...input, files: ['a\0b'] } },
    /"input.files\[0\]"/,
  ],
  [
    'a negative time',
    { kind: 'down', input, options: { graceMs: -1 } },
    /"options.graceMs" has to be a whole number/,
  ],
  [
    'a container name with a slash',
    {
      kind: 'up',
      source: {
        kind: 'desired',
        desired: {
          stack: 'a',
          source: {},
          containers: [{ name: 'a/b' }],
          networks: [],
          volumes: [],
        },
      },
      options,
      attach: false,
    },
    /"source.desired.containers\[0\].name"/,
  ],
])('checkRequest() refuses %s', (_, request, message) => {
  expect(() => checkRequest(request)).toThrow(message)
})

test('checkHello() lets fields of newer versions pass, and refuses anything that is no hello', () => {
  const hello = { kind: 'hello', protocol: 1, version: '1.0.0', build: 'b', pid: 1, command: 'up' }
  expect(checkHello({ ...hello, shiny: true })).toEqual(hello)
  expect(() => checkHello({ ...hello, kind: 'status' })).toThrow(/did not say hello/)
})

test('checkSignal() takes what a client may say, with at most 65535 rows', () => {
  expect(checkSignal({ kind: 'resize', size: { rows: 1e6, columns: 80 } })).toEqual({
    kind: 'resize',
    size: { rows: 65535, columns: 80 },
  })
  expect(checkSignal({ kind: 'interrupt' })).toEqual({ kind: 'interrupt' })
  expect(() => checkSignal({ kind: 'status' })).toThrow(/status/)
})
