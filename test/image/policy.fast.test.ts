import { expect, test } from 'vitest'
import { isDue, parsePolicy } from '../../src/image/policy.ts'
import { choosePlatform, parsePlatform } from '../../src/image/platform.ts'
import { digestOf } from '../../src/image/index.ts'

const HOUR = 3_600_000
const NOW = 1_800_000_000_000

test.each([
  ['always', 0, true],
  ['missing', 1e12, false],
  ['if_not_present', 1e12, false],
  ['never', 1e12, false],
  ['build', 1e12, false],
  [undefined, 1e12, false],
  ['daily', 23 * HOUR, false],
  ['daily', 24 * HOUR, true],
  ['weekly', 6 * 24 * HOUR, false],
  ['weekly', 7 * 24 * HOUR, true],
  ['every_12h30m', 12 * HOUR, false],
  ['every_12h30m', 12.5 * HOUR, true],
] as const)('by policy %s an image looked for %d ms ago is due: %s', (policy, ago, due) => {
  expect(isDue(parsePolicy(policy), { at: NOW - ago }, NOW)).toBe(due)
})

test.each(['sometimes', 'every_', 'every_0s', 'every_12', 'daily '])(
  '"%s" is no policy',
  (text) => {
    expect(() => parsePolicy(text)).toThrow('Cannot understand pull policy')
  },
)

const index = (platforms: readonly (string | undefined)[]) => ({
  mediaType: 'index',
  manifests: platforms.map((text, at) => ({
    mediaType: 'manifest',
    digest: digestOf(String(at)),
    size: 1,
    ...(text === undefined ? {} : { platform: parsePlatform(text) }),
  })),
})
const chosen = (platforms: readonly (string | undefined)[], wanted: string) =>
  choosePlatform(index(platforms), parsePlatform(wanted), 'image').digest

test.each([
  [['linux/arm64', 'linux/amd64'], 'linux/amd64', 1],
  [['linux/arm/v6', 'linux/arm/v7'], 'linux/arm/v7', 1],
  [['linux/arm64/v8', 'linux/amd64'], 'linux/arm64', 0],
  [['windows/amd64', 'linux/x86_64'], 'amd64', 1],
  [[undefined], 'linux/amd64', 0],
] as const)('of %j %s takes entry %d', (platforms, wanted, at) => {
  expect(chosen(platforms, wanted)).toBe(digestOf(String(at)))
})

test('an index without the platform says which it has', () => {
  expect(() => chosen(['linux/arm64', 'linux/s390x'], 'linux/amd64')).toThrow(
    'nothing for linux/amd64; it has linux/arm64, linux/s390x',
  )
})
