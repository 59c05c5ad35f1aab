/** A process whose limit of descriptors is lowered below what it uses. */
import { closeSync, openSync, readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { makeRoomToAnswer } from '../../src/engine/index.ts'
import { getRlimit, setRlimit } from '../../src/linux/index.ts'

test('with a limit below what is open there is room for a few more again, and it is said', () => {
  const { soft, hard } = getRlimit('nofile')
  const highest = Math.max(...readdirSync('/proc/self/fd').map(Number))
  // Nothing but this runs until it is given back.
  setRlimit('nofile', { soft: 3n, hard })
  try {
    expect(() => openSync('/dev/null', 'r')).toThrow('EMFILE')
    expect(makeRoomToAnswer()).toMatch(/limit of 3; prlimit --pid \d+ --nofile/)
    closeSync(openSync('/dev/null', 'r'))
    expect(Number(getRlimit('nofile').soft) - highest).toBeLessThan(20)
  } finally {
    setRlimit('nofile', { soft, hard })
  }
})

test('with room there is nothing to be done', () => {
  const before = getRlimit('nofile')
  expect(makeRoomToAnswer()).toBeUndefined()
  expect(getRlimit('nofile')).toEqual(before)
})
