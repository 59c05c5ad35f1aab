/**
 * The quick reader and writer of YAML, held against the yaml package: they say the same, or leave
 * it to the package.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from '../support/random.ts'
import { describe, expect, test } from 'vitest'
import { wholeText, yamlText } from '../../src/spec/config/yaml.ts'
import { Report } from '../../src/spec/diagnostics/report.ts'
import type { Node } from '../../src/spec/tree/node.ts'
import { parseFully } from '../../src/spec/tree/parse.ts'
import type { Plain } from '../../src/spec/tree/plain.ts'
import { quickParse } from '../../src/spec/tree/quick/quick-parse.ts'

/** All that a node says, places included. */
function told(node: Node): unknown {
  const { start, end } = node.place
  if (node.kind === 'list') return [start, end, node.items.map(told)]
  if (node.kind === 'scalar') return [start, end, node.type, node.value, node.digits]
  if (node.kind === 'reset') return [start, end, 'reset']
  const entries = [...node.entries.values()].map(({ key, keyPlace, value }) => [
    key,
    keyPlace.start,
    keyPlace.end,
    told(value),
  ])
  return [start, end, { entries }]
}

/** Whether the text was read quickly; fails where the package reads something else. */
function isReadQuickly(text: string): boolean {
  const source = { path: '/a', name: 'a', text }
  const [quickly, fully] = [new Report(), new Report()]
  const quick = quickParse(source, quickly)
  if (quick === undefined) {
    expect(quickly.diagnostics()).toEqual([])
    return false
  }
  expect(quick.map(told)).toEqual(parseFully(source, fully).map(told))
  expect(quickly.diagnostics()).toEqual(fully.diagnostics())
  return true
}

const READ: readonly string[] = [
  'a: 1\n',
  'a: 1',
  '# top\n\na: # one\n  b: c # two\n  # three\n  d:\n\ne: f\n',
  'a:\n- 1\n- 2\nb:\n  - c: 1\n    d:\n    - e\n  -\n  - - x\n    - y\n  -\n    z: 1\n',
  'a: [1, "b", \'c\', d e, {f: g}, [], {}]\nb: {"c":d, e: [f], g: http://h:80/i?j#k}\n',
  'a: [\n  1, # one\n  2,\n]\nb: {\n  c: d,\n  e: f\n}\n',
  '{"a": {"b": ["c", 1, true, null]},\n"d": "e"}\n',
  `a: 'it''s'\nb: "a\\n\\u00e9\\"\\\\"\n"c d": e\n'f': g\n`,
  'a: |\n  one\n   two\n\n  three\n\n\nb: >-\n  x\n  y\nc: |+\n  z\n\nd:\n  - |\n    q\n',
  'a: |\n  one\n  ',
  'a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: &y f\ng: [*y, &z h, *z]\ni: &l\n  - 1\nj: *l\n',
  'a: *none\n',
  'a: 1\na: 2\nb: {c: 1, c: 2}\n',
  'a b: c d\nk : v\na:b: c:d\nx-y: -1\nq: ?x\nr: :x\n',
  'a: 010\nb: 0o10\nc: ~\nd: yes\ne: 2020-01-01\nf: 18446744073709551615\ng: .5\nh: 1_0\n',
  'a:\n    b\nc:\n  "d"\ne:\n  [f]\n',
]

/** Valid or not: the package decides. */
const LEFT: readonly string[] = [
  '',
  '# x\n',
  'a\n',
  '- a\n',
  'a: b\n  c\n',
  'a: "b\n  c"\n',
  'a: !reset null\n',
  'a:\tb\n',
  'a: b\r\n',
  '\ufeffa: b\n',
  '---\na: b\n',
  'a: b\n---\nc: d\n',
  'a: b\n...\n',
  '%YAML 1.2\n---\na: b\n',
  '? a\n: b\n',
  'a: b: c\n',
  'a: - b\n',
  'a:\n  b: 1\n c: 2\n',
  'a: [b: c]\n',
  'a: {b, c}\n',
  'a: {b: , c: d}\n',
  'a: [b\nc]\n',
  'a: [b\n',
  'a: "b" c\n',
  'a: "b"#c\n',
  'a: @b\n',
  'a: |2\n  b\n',
  'a: | # b\n  c\n',
  'a: &b\nc: d\n',
  '&a b: c\n',
  '- &a b: c\n',
  '*a : b\n',
  '1: a\n',
  '~: a\n',
  `${'k'.repeat(1001)}: a\n`,
  'a: |\n  b\n c: d\n',
  'a: |\n\tb\n',
  'a: |\nb: c\n',
]

describe('quickParse()', () => {
  test.each(READ)('reads %j as the package does', (text) => {
    expect(isReadQuickly(text)).toBe(true)
  })

  test.each(LEFT)('leaves %j to the package', (text) => {
    expect(isReadQuickly(text)).toBe(false)
  })

  test('reads the examples, and every file of TSSTACK_CORPUS, as the package does', () => {
    const examples = join(import.meta.dirname, '../../examples')
    const folders = [examples, process.env['TSSTACK_CORPUS'] ?? '']
    const files = folders.filter((path) => path !== '').flatMap((cwd) => filesIn(cwd))
    const quick = files.filter((file) => isReadQuickly(readFileSync(file, 'utf8')))
    expect(quick.length).toBeGreaterThan(files.length * 0.8)
  })

  test('reads any file, with or without mistakes, as the package does', { timeout: 60_000 }, () => {
    let read = 0
    fc.assert(
      fc.property(mistaken, (text) => {
        if (isReadQuickly(text)) read += 1
      }),
      { numRuns: 1500 },
    )
    expect(read).toBeGreaterThan(100)
  })
})

function filesIn(cwd: string): readonly string[] {
  return globSync('**/*.{yaml,yml}', { cwd }).map((name) => join(cwd, name))
}

/** The parts of texts that `·` separates. */
const words = (...texts: readonly string[]): readonly string[] =>
  texts.flatMap((text) => text.split('·'))

const common = { weight: 12 }
const key = fc.oneof(
  { ...common, arbitrary: fc.stringMatching(/^[a-z]{1,3}( [a-z])?$/) },
  fc.constantFrom('"q"', "'s t'", 'x-y', '<<', 'a.b/c', '80', 'a'),
)
const scalar = fc.oneof(
  {
    ...common,
    arbitrary: fc.constantFrom(
      ...words(
        `·text·two words·"quoted"·'it''s'·"a\\tb"·1·010·true·~·*x·&x anchored`,
        `{a: b, "c":d}·[1, two, "three"]·[]·{}·a:b·a#b·http://a:80`,
        `{ a: 1, # c\n      b: 2 }·[\n      a,\n      b\n      ]·-1·.5·''·&x [a]`,
      ),
    ),
  },
  fc.constantFrom(
    '- x',
    '"q',
    '!tag x',
    '[a,\n      b]',
    '&y',
    'a: b',
    '"a\n b"',
    'a\n      b',
    '? x',
  ),
)
const block = fc.oneof(
  { ...common, arbitrary: fc.constantFrom('|', '>', '|-', '>-', '|+', '>+') },
  fc.constantFrom('|2', '| # c'),
)
const comment = fc.constantFrom('', '', '', '', ' # c', '  ', '\n# c', '\n\n', '\n     # deep')
const textLine = fc.constantFrom('text', '', '  more', '# no comment', 'a: b', ' ', 'x')

/** Lines of a mapping or list, without their indentation. */
const { lines } = fc.letrec<{ lines: readonly string[]; value: readonly string[] }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.tuple(scalar, comment).map(([text, after]) => [` ${text}${after}`]),
    fc
      .tuple(block, fc.array(textLine, { minLength: 1 }))
      .map(([mark, text]) => [` ${mark}`, ...['text', ...text].map((line) => `  ${line}`)]),
    fc
      .tuple(fc.constantFrom('', '', ' &x', ' # c'), fc.constantFrom('  ', '    '), tie('lines'))
      .map(([props, indent, inner]) => [props, ...inner.map((line) => `${indent}${line}`)]),
  ),
  lines: fc.oneof(
    fc
      .uniqueArray(fc.tuple(key, tie('value')), {
        selector: ([name]) => name,
        minLength: 1,
        maxLength: 4,
      })
      .map((pairs) =>
        pairs.flatMap(([name, [first = '', ...rest]]) => [`${name}:${first}`, ...rest]),
      ),
    fc
      .array(fc.oneof(tie('value'), tie('lines').map(compact)), { minLength: 1, maxLength: 4 })
      .map((items) => items.flatMap(([first = '', ...rest]) => [`-${first}`, ...rest])),
  ),
}))

/** A collection that begins after the dash. */
function compact([first = '', ...rest]: readonly string[]): readonly string[] {
  return [` ${first}`, ...rest.map((line) => `  ${line}`)]
}

const document = fc
  .array(fc.tuple(key, lines), { minLength: 1, maxLength: 3 })
  .map((pairs) => pairs.map(([name, inner]) => `${name}:\n  ${inner.join('\n  ')}\n`).join(''))

const bit = fc.constantFrom(
  ...words(
    ` ·  ·\n·\n  ·:·: ·- ·#· #·"·'·[·]·{·}·,·&x ·*x·|\n·!t ·\t·---\n·...·? `,
    `~·<<: *x·\\·%·@·\`·0·\r\n·.·\ufeff·\u00e9·\u2028·\u0001`,
  ),
)

/** Up to two changes by chance. */
const mistaken = fc
  .tuple(
    document,
    fc.array(fc.tuple(fc.double({ min: 0, max: 1 }), fc.nat(2), bit), { maxLength: 2 }),
  )
  .map(([text, changes]) =>
    changes.reduce((before, [part, length, inserted]) => {
      const at = Math.floor((part || 0) * before.length)
      return before.slice(0, at) + inserted + before.slice(at + length)
    }, text),
  )

const word = fc.oneof(
  fc.constantFrom(
    ...words(
      `·yes·null·~·<<·1·-·- a·---·--- a·...·%a·a: b·a #b·a:·:a·?·? a·'·"·'"`,
      `a\nb·a\n·\na·a\n\n· a·a ·\ta·\n· \n ·a\n b\n·.inf·2020-01-01·\u0085`,
      `\u2028·\ud800·{a}·[a·a,b·=·@a·\`·#·!x·*a·&a·|·>·\\·+.`,
    ),
    'a'.repeat(1100),
    'x y\n'.repeat(30),
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.stringMatching(/^[ \n:#\-?"'a1.]{0,8}$/),
)
const { any: plain } = fc.letrec<{ any: Plain }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    word,
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(word, tie('any'), { maxKeys: 4 }),
  ),
}))

describe('yamlText()', () => {
  test('writes any value as the package does', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(yamlText(value)).toBe(wholeText(value))
      }),
      { numRuns: 2000 },
    )
  })
})
