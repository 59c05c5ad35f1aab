/** Sizes, times and filters as the command line reads and writes them. */
import { describe, expect, test } from 'vitest'
import { eventText } from '../../src/cli/event-text.ts'
import { collectFilter, collectState } from '../../src/cli/ps-filter.ts'
import { memoryText, trafficText } from '../../src/cli/size-text.ts'
import { parseTime } from '../../src/cli/time-option.ts'

describe('sizes', () => {
  test.each([
    [0, '0B', '0B'],
    [1023, '1023B', '1.023kB'],
    [372 * 1024, '372KiB', '380.9kB'],
    [13_107_200, '12.5MiB', '13.11MB'],
    [5 * 1024 ** 4, '5TiB', '5.498TB'],
  ])('%d bytes are %s of memory and %s of traffic', (bytes, memory, traffic) => {
    expect([memoryText(bytes), trafficText(bytes)]).toEqual([memory, traffic])
  })
})

describe('parseTime()', () => {
  test('takes how long ago, seconds since 1970, and dates', () => {
    const ago = Date.now() - parseTime('1h30m')
    expect(ago).toBeGreaterThan(5_399_000)
    expect(ago).toBeLessThan(5_460_000)
    expect(parseTime('1700000000.5')).toBe(1_700_000_000_500)
    expect(parseTime('2026-11-21T14:36:00Z')).toBe(Date.UTC(2026, 10, 21, 14, 36))
    expect(parseTime('2026-11-21')).toBe(new Date(2026, 10, 21).getTime())
  })

  test.each(['soon', '10 parsecs', '', '-5m', '2026-99-99'])('refuses %j', (value) => {
    expect(() => parseTime(value)).toThrow('how long ago')
  })
})

describe('ps filters', () => {
  test('collect states and services', () => {
    expect(collectState('exited', collectState('paused'))).toEqual(['paused', 'exited'])
    expect(collectFilter('service=web', collectFilter('status=dead'))).toEqual([
      { state: 'never' },
      { service: 'web' },
    ])
  })

  test('refuse what nobody knows, and say what there is', () => {
    expect(() => collectState('runing')).toThrow('created, running, paused')
    expect(() => collectFilter('name=x')).toThrow('status=STATE')
  })
})

test('an event carries no terminal escapes', () => {
  const event = { kind: 'warning', time: 0, stack: 's', message: 'a\u001b[2Jb' } as const
  expect(eventText(event)).toMatch(/ warning a\\x1b\[2Jb$/)
})
