/** Variable expansion: the forms of the Dockerfile reference, "Environment replacement". */
import { describe, expect, test } from 'vitest'
import { expandWord, expandWords } from '../../../src/build/dockerfile/expand.ts'
import { Problem } from '../../../src/build/dockerfile/problem.ts'

const VALUES: Readonly<Record<string, string>> = {
  foo: '/bar',
  str: 'foobarbaz',
  path: '/usr/local/lib/a.tar.gz',
  empty: '',
  spaced: 'a  b',
  stars: 'a*b*c',
}
const options = { get: (name: string) => VALUES[name], escape: '\\' }
const word = (text: string): string => expandWord(text, options)

describe('expandWord()', () => {
  test.each([
    ['$foo', '/bar'],
    ['${foo}', '/bar'],
    ['${foo}_x', '/bar_x'],
    ['\\$foo', '$foo'],
    ['\\${foo}', '${foo}'],
    ["'$foo'", '$foo'],
    ['"$foo"', '/bar'],
    ['"a \\" b"', 'a " b'],
    ['"a\\nb"', 'a\\nb'],
    ['a\\ b', 'a b'],
    ['$unset', ''],
    ['$', '$'],
    ['a$.b', 'a$.b'],
    ['$1x', 'x'],
  ])('%s is %s', (text, expected) => {
    expect(word(text)).toBe(expected)
  })

  test.each([
    ['${unset:-word}', 'word'],
    ['${empty:-word}', 'word'],
    ['${empty-word}', ''],
    ['${unset-word}', 'word'],
    ['${foo:-word}', '/bar'],
    ['${foo:+word}', 'word'],
    ['${empty:+word}', ''],
    ['${empty+word}', 'word'],
    ['${unset+word}', ''],
    ['${foo:?message}', '/bar'],
    ['${unset:-${foo:-x}}', '/bar'],
    ['${unset:-a b}', 'a b'],
    ['${unset:-"}"}', '}'],
  ])('with a default, %s is %s', (text, expected) => {
    expect(word(text)).toBe(expected)
  })

  test.each([
    ['${str#f*b}', 'arbaz'],
    ['${str##f*b}', 'az'],
    ['${str%b*}', 'foobar'],
    ['${str%%b*}', 'foo'],
    ['${str#x}', 'foobarbaz'],
    ['${str#???}', 'barbaz'],
    ['${path##*/}', 'a.tar.gz'],
    ['${path%.*}', '/usr/local/lib/a.tar'],
    ['${path%%.*}', '/usr/local/lib/a'],
    ['${stars#a\\*}', 'b*c'],
    ['${stars%\\*c}', 'a*b'],
    ['${unset#x}', ''],
    ['${str#$unset}', 'foobarbaz'],
  ])('a trimmed %s is %s', (text, expected) => {
    expect(word(text)).toBe(expected)
  })

  test.each([
    ['${str/ba/fo}', 'fooforbaz'],
    ['${str//ba/fo}', 'fooforfoz'],
    ['${str/ba*/x}', 'foox'],
    ['${str/x/y}', 'foobarbaz'],
    ['${path//\\//-}', '-usr-local-lib-a.tar.gz'],
    ['${str/bar/}', 'foobaz'],
    ['${str/bar/$foo}', 'foo/barbaz'],
    ['${str/bar/$&}', 'foo$&baz'],
  ])('a replaced %s is %s', (text, expected) => {
    expect(word(text)).toBe(expected)
  })

  test('another escape character leaves backslashes alone', () => {
    expect(expandWord('c:\\x`$foo', { ...options, escape: '`' })).toBe('c:\\x$foo')
  })

  test('what is not set stays when it is wanted', () => {
    expect(expandWord('$foo $unset ${unset:-x}', { ...options, keepsUnset: true })).toBe(
      '/bar $unset ${unset:-x}',
    )
  })

  test.each([
    ['${foo', 0],
    ['a${}', 1],
    ['${:x}', 0],
    ['${foo:=x}', 0],
    ['${foo^x}', 0],
    ['${unset?}', 0],
    ['${empty:?it is needed}', 0],
    ["it's", 3],
    ['"open', 4],
    ['${str#a\\b}', 0],
  ])('%s is refused at offset %i', (text, start) => {
    expect(() => word(text)).toThrow(Problem)
    try {
      word(text)
    } catch (error) {
      expect((error as Problem).span?.start).toBe(start)
    }
  })

  test('the message of ${x:?message} is what the author wrote', () => {
    expect(() => word('${unset:?set it to a version}')).toThrow('set it to a version')
  })
})

describe('expandWords()', () => {
  test.each([
    ['a b', ['a', 'b']],
    ['$spaced', ['a', 'b']],
    ['"$spaced"', ['a  b']],
    ['x$spaced', ['xa', 'b']],
    ['a\\ b', ['a b']],
    ["'a b' c", ['a b', 'c']],
    ['$unset', []],
  ])('%s is %j', (text, expected) => {
    expect(expandWords(text, options)).toEqual(expected)
  })
})
