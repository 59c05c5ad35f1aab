import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { anonymousBytes, releaseProgram } from '../../src/linux/index.ts'

const kib = (field: string): number =>
  Number(
    new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1],
  )

test("pages of node's program go, nothing that is ours does, and it runs on", () => {
  const [program, own] = [kib('RssFile'), anonymousBytes()]
  releaseProgram()
  expect(kib('RssFile')).toBeLessThan(program - 10 * 1024)
  expect(anonymousBytes()).toBeGreaterThan(own / 2)
  // Much of the program is needed for this, and comes back from its file.
  const texts = Array.from({ length: 1000 }, (_, at) =>
    new Intl.NumberFormat('en').format(at * 999),
  )
  expect(JSON.parse(JSON.stringify(texts))).toEqual(texts)
  expect(texts[999]).toBe('998,001')
})
