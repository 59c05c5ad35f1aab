/** Which files `develop.watch` follows. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Matcher } from '../../src/daemon/develop/matcher.ts'
import type { DevelopRule } from '../../src/daemon/protocol.ts'

let context: string
beforeAll(() => {
  context = mkdtempSync(join(tmpdir(), 'tsstack-matcher-'))
  writeFileSync(join(context, '.dockerignore'), '# built\ndist\n**/*.map\n!src/kept.map\n')
})
afterAll(() => rmSync(context, { recursive: true, force: true }))

function accepts(path: string, rule: Partial<DevelopRule> = {}): boolean {
  const base = {
    service: 'web',
    action: 'sync',
    ignore: [],
    include: [],
    initialSync: false,
  } as const
  const matcher = new Matcher({
    ...base,
    path: join(context, 'src'),
    target: '/app',
    context,
    ...rule,
  })
  return matcher.accepts(join(context, path), { isDirectory: path.endsWith('/') })
}

test.each(['src/a.js', 'src/deep/er/a.js', 'src/kept.map', 'src'])('Matcher accepts %s', (path) => {
  expect(accepts(path)).toBe(true)
})

test.each([
  'src/.git/config',
  'src/a.js~',
  'src/.a.js.swp',
  'src/4913',
  'src/.#a.js',
  'src/.DS_Store',
  'src/deep/a.map',
])('Matcher leaves %s out', (path) => {
  expect(accepts(path)).toBe(false)
})

test('Matcher reads ignore and include as patterns below the path', () => {
  expect(accepts('src/node_modules/x', { ignore: ['node_modules/'] })).toBe(false)
  expect(accepts('src/deep/node_modules/x', { ignore: ['node_modules/'] })).toBe(true)
  expect(accepts('src/a.css', { include: ['*.js'] })).toBe(false)
  expect(accepts('src/a.js', { include: ['*.js'] })).toBe(true)
  expect(accepts('src/deep/a.js', { include: ['**/*.js'] })).toBe(true)
  expect(accepts('src/dist/a', { path: context })).toBe(true)
  expect(accepts('dist/a', { path: context })).toBe(false)
})

test('Matcher closes directories that nothing can come out of', () => {
  const rule = { service: 'web', action: 'sync', include: [], initialSync: false } as const
  const matcher = new Matcher({ ...rule, path: context, ignore: ['cache', '!cache/kept', 'big'] })
  expect(matcher.isClosed(join(context, 'big'))).toBe(true)
  expect(matcher.isClosed(join(context, 'cache'))).toBe(false)
  expect(matcher.isClosed(context)).toBe(false)
})

test('Matcher refuses a pattern that cannot be read', () => {
  expect(() => accepts('src/a', { ignore: ['[a'] })).toThrow(/Cannot follow ".*src" for "web"/)
})
