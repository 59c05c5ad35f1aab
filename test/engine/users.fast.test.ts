/** Which ids of the host containers get. */
import { describe, expect, test } from 'vitest'
import { chooseRange, parseSubIds } from '../../src/engine/users/range.ts'

const own = (line: string) => parseSubIds(line)
const choose = (change: Partial<Parameters<typeof chooseRange>[0]>) =>
  chooseRange({
    container: 'x-web-1',
    subuid: [],
    subgid: [],
    taken: [],
    wanted: undefined,
    seed: 0,
    ...change,
  })

describe('parseSubIds()', () => {
  test('reads lines of subuid(5) and leaves out what is none', () => {
    expect(parseSubIds('# none\n\njane:100000:65536\nbad:x:1\nroot:1:\n')).toEqual([
      { name: 'jane', ids: { first: 100_000, count: 65_536 } },
    ])
  })
})

describe('chooseRange()', () => {
  test('takes what the files give to tsstack, where both do, by the seed', () => {
    const subuid = own('jane:100000:65536\ntsstack:200000:200000')
    const subgid = own('tsstack:200000:200000')
    expect(choose({ subuid, subgid, seed: 4 })).toEqual({ first: 265_536, count: 65_536 })
  })
  test('goes past what others have, and keeps what it had when that is free', () => {
    const both = own('tsstack:200000:200000')
    const first = { first: 200_000, count: 65_536 }
    const third = { first: 331_072, count: 65_536 }
    const files = { subuid: both, subgid: both }
    expect(choose({ ...files, taken: [first] }).first).toBe(265_536)
    expect(choose({ ...files, taken: [first], wanted: third })).toEqual(third)
    expect(choose({ ...files, taken: [third], wanted: third })).toEqual(first)
  })
  test('without a line takes ids that no user of the host has been given', () => {
    const free = choose({})
    expect(free.first).toBeGreaterThan(600_100_000)
    const users = own(`jane:${free.first}:10\njoe:${free.first + 65_536}:65536`)
    expect(choose({ subuid: users }).first).toBe(free.first + 2 * 65_536)
  })
  test('refuses files that do not agree, and a pool that is used up, with the cure', () => {
    const line = own('tsstack:200000:65536')
    expect(() => choose({ subuid: line })).toThrow(/no 65536 common ids/)
    const taken = [{ first: 200_000, count: 65_536 }]
    expect(() => choose({ subuid: line, subgid: line, taken })).toThrow(/all 1 ranges .* are taken/)
  })
})
