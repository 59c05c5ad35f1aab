/** Patterns of files: Go's Match, and .dockerignore with its `**` and exceptions. */
import { describe, expect, test } from 'vitest'
import { IgnoreRules, type Matched, parseIgnoreFile } from '../../src/build/files/ignore.ts'
import { compileMatch, hasWildcard } from '../../src/build/files/match.ts'

describe('compileMatch()', () => {
  test.each([
    ['abc', 'abc', true],
    ['*', 'abc', true],
    ['*c', 'abc', true],
    ['a*', 'a', true],
    ['a*', 'ab/c', false],
    ['a*/b', 'abc/b', true],
    ['a*/b', 'a/c/b', false],
    ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['ab[c]', 'abc', true],
    ['ab[b-d]', 'abc', true],
    ['ab[e-g]', 'abc', false],
    ['ab[^c]', 'abc', false],
    ['ab[^e-g]', 'abc', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'ab', false],
    ['a?b', 'a☺b', true],
    ['a[^a]b', 'a☺b', true],
    ['a???b', 'a☺b', false],
    ['[a-ζ]*', 'α', true],
    ['*[a-ζ]', 'A', false],
    ['a?b', 'a/b', false],
    ['a*b', 'a/b', false],
    ['[\\]a]', ']', true],
    ['[\\-]', '-', true],
    ['[x\\-]', 'z', false],
    ['[\\-x]', '-', true],
    ['*x', 'xxx', true],
    ['[z-a]', 'b', false],
  ])('%s and %s: %s', (pattern, path, expected) => {
    expect(compileMatch(pattern)(path)).toBe(expected)
  })

  test.each(['[]a]', '[-]', '[x-]', '[-x]', '[a-b-c]', '[', '[^', '[^bc', 'a[', '\\'])(
    '%s is no pattern',
    (pattern) => {
      expect(() => compileMatch(pattern)).toThrow('Cannot use the pattern')
    },
  )

  test.each([
    ['a*', true],
    ['a\\*', false],
    ['[a]', true],
    ['a', false],
  ])('%s has a wildcard: %s', (path, expected) => {
    expect(hasWildcard(path)).toBe(expected)
  })
})

/** Whether a path is left out, asked as a walk does: directories first. */
function isOut(patterns: readonly string[], path: string): boolean {
  const rules = new IgnoreRules(parseIgnoreFile(patterns.join('\n')))
  let matched: Matched | undefined
  const parts = path.split('/')
  for (const index of parts.keys())
    matched = rules.match(parts.slice(0, index + 1).join('/'), matched)
  return matched?.isMatch ?? false
}

describe('IgnoreRules', () => {
  test.each([
    [['**'], 'file', true],
    [['**'], 'dir/file', true],
    [['**/'], 'file', true],
    [['**/**'], 'dir/file', true],
    [['dir/**'], 'dir/file', true],
    [['dir/**'], 'dir', false],
    [['dir/**'], 'dir/a/b', true],
    [['**/dir'], 'dir', true],
    [['**/dir'], 'a/b/dir/file', true],
    [['**/*.go'], 'a.go', true],
    [['**/*.go'], 'a/b/c.go', true],
    [['*.go'], 'a/b.go', false],
    [['a/**/b'], 'a/b', true],
    [['a/**/b'], 'a/x/y/b', true],
    [['a/**/b'], 'a/x/y/bc', false],
    [['**file'], 'afile', true],
    [['**/file'], 'afile', false],
    [['a/*/b'], 'a/x/b', true],
    [['a/*/b'], 'a/x/y/b', false],
    [['dir'], 'dir/sub/file', true],
    [['/dir/'], 'dir/file', true],
    [['./dir'], 'dir/file', true],
    [['dir/../other'], 'other', true],
    [['# comment', '', '  a  '], 'a', true],
    [['a.b'], 'axb', false],
    [['a+b'], 'a+b', true],
    [['(a)'], '(a)', true],
    [['a$'], 'a$', true],
    [['[a-c]x'], 'bx', true],
    [['[^a-c]x'], 'bx', false],
    [['a\\?'], 'a?', true],
    [['a\\?'], 'ab', false],
    [['*.md', '!README*.md'], 'README-secret.md', false],
    [['*.md', '!README*.md', 'README-secret.md'], 'README-secret.md', true],
    [['*.md', 'README-secret.md', '!README*.md'], 'README-secret.md', false],
    [['dir', '!dir/keep'], 'dir/keep', false],
    [['dir', '!dir/keep'], 'dir/lose', true],
    [['*', '!src'], 'src/a/b', false],
    [['**', '!**/keep'], 'a/b/keep', false],
    [['!a'], 'a', false],
  ] as const)('%j leaves out %s: %s', (patterns, path, expected) => {
    expect(isOut(patterns, path)).toBe(expected)
  })

  test.each([
    [['dir', '!dir/keep'], 'dir', true],
    [['dir', '!other'], 'dir', false],
    [['dir', '!**/keep'], 'dir', true],
    [['dir'], 'dir', false],
  ])('%j may keep something below %s: %s', (patterns, directory, expected) => {
    expect(new IgnoreRules(patterns).mayKeepBelow(directory)).toBe(expected)
  })

  test.each(['[', '!', 'a['])('%s is refused', (pattern) => {
    expect(() => new IgnoreRules([pattern])).toThrow('Cannot use the pattern')
  })
})
