/** What is kept of node's compiled code, and what is thrown away. */
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { codeCacheDirectory, tidyCodeCache } from '../../src/daemon/tidy-code-cache.ts'
import { CODE_CACHE_BYTES_MAX, CODE_CACHE_LOOK_MS } from '../../src/limits.ts'

const DAY = 86_400_000
const NOW = 1_800_000_000_000
const OLD_NODE = 'up/v24.1.0-x64-964aae3f-0'
const NODE = 'up/v24.21.0-x64-964aae3f-0'

let directory: string
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'tsstack-cache-')), 'tsstack')
})
afterEach(() => rmSync(dirname(directory), { recursive: true, force: true }))

function write(path: string, daysAgo: number, bytes = 10): void {
  const file = join(directory, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, '')
  truncateSync(file, bytes)
  const seconds = (NOW - daysAgo * DAY) / 1000
  utimesSync(file, seconds, seconds)
}

const left = (): readonly string[] =>
  globSync('**/*', { cwd: directory })
    .filter((path) => /\/[^/]*\.?\w+$/.test(path))
    .toSorted()

test('modules that were not read for a month go, with the directories of a node that has gone', () => {
  write(`${OLD_NODE}/00dc572c`, 40)
  write(`${NODE}/00dc572c`, 2)
  write(`${NODE}/09342f95`, 31)
  write(`${NODE}/1234abcd.Xy12zz`, 31)
  write('v24.21.0-x64-3e691adf-0/014179ec', 31)
  tidyCodeCache(directory, NOW)
  expect(left()).toEqual([NODE, `${NODE}/00dc572c`])
})

test('the oldest go when all are too large', () => {
  write(`${NODE}/00000001`, 1, CODE_CACHE_BYTES_MAX / 2)
  write(`${NODE}/00000002`, 3, CODE_CACHE_BYTES_MAX / 2)
  write(`${NODE}/00000003`, 2, CODE_CACHE_BYTES_MAX / 2)
  tidyCodeCache(directory, NOW)
  expect(left()).toEqual([NODE, `${NODE}/00000001`, `${NODE}/00000003`])
})

test('what is not node’s is left alone, however old', () => {
  write('notes/00dc572c', 400)
  write(`${NODE}/README`, 400)
  tidyCodeCache(directory, NOW)
  expect(left()).toEqual(['notes/00dc572c', NODE, `${NODE}/README`])
})

test('it is looked at once a day, by the first who comes, also after a clock was set back', () => {
  write(`${NODE}/00dc572c`, 1)
  tidyCodeCache(directory, NOW)
  write(`${NODE}/00dc572d`, 400)
  tidyCodeCache(directory, NOW + CODE_CACHE_LOOK_MS - 1)
  expect(existsSync(join(directory, `${NODE}/00dc572d`))).toBe(true)
  tidyCodeCache(directory, NOW - 2 * DAY)
  expect(existsSync(join(directory, `${NODE}/00dc572d`))).toBe(false)
})

test('a cache that the user has named is nobody’s to tidy', () => {
  expect(codeCacheDirectory('/var/cache/tsstack/up/v24.21.0-x64-964aae3f-0')).toBe(
    '/var/cache/tsstack',
  )
  expect(codeCacheDirectory('/root/cache/v24.21.0-x64-964aae3f-0')).toBeUndefined()
})
