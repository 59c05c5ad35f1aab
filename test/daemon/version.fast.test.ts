import { expect, test } from 'vitest'
import { compareVersions, replaces } from '../../src/daemon/version.ts'

test.each([
  ['1.2.3', '1.2.3', 0],
  ['1.2.3', '1.2.10', -1],
  ['2.0.0', '1.99.99', 1],
  ['1.0.0-rc.1', '1.0.0', -1],
  ['1.0.0', '1.0.0-rc.1', 1],
  ['1.0.0-rc.1', '1.0.0-rc.2', -1],
])('compareVersions(%s, %s) has the sign of %i', (a, b, sign) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign)
})

test('replaces() is true of a newer version and of another build of the same, not of an older one', () => {
  const running = { version: '1.2.0', build: 'a' }
  expect(replaces({ version: '1.3.0', build: 'a' }, running)).toBe(true)
  expect(replaces({ version: '1.2.0', build: 'b' }, running)).toBe(true)
  expect(replaces({ version: '1.2.0', build: 'a' }, running)).toBe(false)
  expect(replaces({ version: '1.1.0', build: 'b' }, running)).toBe(false)
})
