import { expect, test } from 'vitest'
import {
  deviceChanges,
  formatDeviceRule,
  parseDeviceRule,
} from '../../../src/linux/cgroup/device-rules.ts'
import { deviceProgram } from '../../../src/linux/cgroup/device-program.ts'
import type { DeviceRule } from '../../../src/linux/cgroup/types.ts'

const NULL: DeviceRule = { type: 'char', major: 1, minor: 3, access: 'rwm' }
const MKNOD: DeviceRule = { type: 'char', access: 'm' }

test('formatDeviceRule() writes rules as devices.list does', () => {
  expect(formatDeviceRule(NULL)).toBe('c 1:3 rwm')
  expect(formatDeviceRule({ type: 'block', access: 'm' })).toBe('b *:* m')
  expect(formatDeviceRule({ type: 'all', access: 'mwr' })).toBe('a *:* rwm')
})

test.each(['c 1:3 rwm', 'b *:* m', 'a *:* rwm', 'c 136:* rw'])(
  'parseDeviceRule() reads back "%s"',
  (text) => {
    const rule = parseDeviceRule(text)
    expect(rule && formatDeviceRule(rule)).toBe(text)
  },
)

test.each(['', 'd 1:3 rwm', 'c 1 rwm', 'c 1:3', 'c 1:3 x', 'c -1:3 r', 'c 1:3 rwm extra'])(
  'parseDeviceRule() refuses "%s"',
  (text) => {
    expect(parseDeviceRule(text)).toBeUndefined()
  },
)

test('deviceChanges() empties a group that allows everything', () => {
  expect(deviceChanges('a *:* rwm', [NULL])).toEqual({ deny: ['a'], allow: ['c 1:3 rwm'] })
})

test('deviceChanges() touches only what differs', () => {
  expect(deviceChanges('c 1:3 rwm\nc *:* m\n', [NULL, MKNOD])).toEqual({ deny: [], allow: [] })
  expect(deviceChanges('c 1:5 rwm\nc 1:3 rwm\n', [NULL, MKNOD])).toEqual({
    deny: ['c 1:5 rwm'],
    allow: ['c *:* m'],
  })
})

test('deviceChanges() opens a group to everything', () => {
  const everything: DeviceRule = { type: 'all', access: 'rwm' }
  expect(deviceChanges('c 1:3 rwm', [everything])).toEqual({ deny: [], allow: ['a'] })
  expect(deviceChanges('a *:* rwm', [everything])).toEqual({ deny: [], allow: [] })
})

test('deviceProgram() of no rule loads the request and refuses it', () => {
  expect(Buffer.from(deviceProgram([])).toString('hex').match(/.{16}/g)).toEqual([
    '6112000000000000', // r2 = *(u32 *)(r1 + 0)
    'bc23000000000000', // w3 = w2
    '54020000ffff0000', // w2 &= 0xffff
    '7403000010000000', // w3 >>= 16
    '6114040000000000', // r4 = *(u32 *)(r1 + 4)
    '6115080000000000', // r5 = *(u32 *)(r1 + 8)
    'b700000000000000', // r0 = 0
    '9500000000000000', // exit
  ])
})

/**
 * One instruction on the registers, by its meaning in the kernel's instruction set; the jump taken.
 */
const INSTRUCTIONS: Readonly<
  Record<
    number,
    (r: number[], i: { t: number; s: number; offset: number; value: number }) => number
  >
> = {
  0x61: (r, { t, offset }) => set(r, t, r[CONTEXT + offset / 4]),
  0xbc: (r, { t, s }) => set(r, t, r[s]),
  0xb7: (r, { t, value }) => set(r, t, value),
  0x54: (r, { t, value }) => set(r, t, (r[t] ?? 0) & value),
  0x74: (r, { t, value }) => set(r, t, (r[t] ?? 0) >>> value),
  0x55: (r, { t, offset, value }) => (r[t] === value ? 0 : offset),
}
/** The context lies behind the registers here. */
const CONTEXT = 16

function set(registers: number[], target: number, value: number | undefined): 0 {
  registers[target] = value ?? 0
  return 0
}

/** What the program answers. */
function run(
  program: Uint8Array,
  request: { type: number; access: number; device: string },
): number | undefined {
  const [major, minor] = request.device.split(':').map(Number)
  const registers = Array.from({ length: CONTEXT }, () => 0)
  registers.push((request.access << 16) | request.type, major ?? 0, minor ?? 0)
  const code = new DataView(program.buffer)
  for (let at = 0; code.getUint8(at) !== 0x95; at += 8) {
    const instruction = INSTRUCTIONS[code.getUint8(at)]
    const [t, s] = [code.getUint8(at + 1) & 15, code.getUint8(at + 1) >> 4]
    const [offset, value] = [code.getInt16(at + 2, true), code.getInt32(at + 4, true)]
    at += 8 * (instruction?.(registers, { t, s, offset, value }) ?? Number.NaN)
  }
  return registers[0]
}

test('deviceProgram() allows exactly what some rule grants', () => {
  const rules: readonly DeviceRule[] = [
    NULL,
    MKNOD,
    { type: 'char', major: 136, access: 'rw' },
    { type: 'block', major: 8, minor: 1, access: 'r' },
  ]
  const program = deviceProgram(rules)
  const types = { b: 1, c: 2 }
  const accesses = { m: 1, r: 2, w: 4 }
  const granted: string[] = []
  for (const [type, typeNumber] of Object.entries(types)) {
    for (const device of ['1:3', '1:5', '136:9', '8:1', '8:2']) {
      for (let access = 1; access < 8; access += 1) {
        if (run(program, { type: typeNumber, access, device }) !== 1) continue
        const letters = Object.entries(accesses).filter(([, bit]) => (access & bit) !== 0)
        granted.push(`${type} ${device} ${letters.map(([letter]) => letter).join('')}`)
      }
    }
  }
  expect(granted).toEqual([
    'b 8:1 r',
    ...['m', 'r', 'mr', 'w', 'mw', 'rw', 'mrw'].map((letters) => `c 1:3 ${letters}`),
    'c 1:5 m',
    ...['m', 'r', 'w', 'rw'].map((letters) => `c 136:9 ${letters}`),
    'c 8:1 m',
    'c 8:2 m',
  ])
})

test('deviceProgram() of everything ends there: code that is never reached is refused', () => {
  const everything: DeviceRule = { type: 'all', access: 'rwm' }
  const program = deviceProgram([everything, NULL])
  expect(Buffer.from(program).toString('hex').match(/.{16}/g)?.slice(6)).toEqual([
    'b700000001000000', // r0 = 1
    '9500000000000000', // exit
  ])
})
