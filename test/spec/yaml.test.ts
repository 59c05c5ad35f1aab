import * as fc from '../support/random.ts'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { yamlText } from '../../src/spec/config/yaml.ts'
import { Report } from '../../src/spec/diagnostics/report.ts'
import { type Plain, toPlain } from '../../src/spec/tree/plain.ts'
import { parseYaml } from '../../src/spec/tree/parse.ts'
import { prune } from '../../src/spec/tree/prune.ts'

function read(text: string): { values: readonly unknown[]; errors: readonly string[] } {
  const report = new Report()
  const nodes = parseYaml({ path: '/f', name: 'f', text }, report)
  const errors = report
    .diagnostics()
    .map(({ line, column, message }) => `${line}:${column} ${message}`)
  return {
    values: nodes.map((node) => JSON.parse(JSON.stringify(toPlain(node))) as unknown),
    errors,
  }
}

function value(text: string): unknown {
  const { values, errors } = read(text)
  expect(errors).toEqual([])
  expect(values).toHaveLength(1)
  return values[0]
}

describe('parseYaml()', () => {
  test.each([
    ['010', 8],
    ['0o10', 8],
    ['0x1F', 31],
    ['0b11', 3],
    ['1_000', 1000],
    ['-7', -7],
    ['1e3', 1000],
    ['.5', 0.5],
    ['08', 8],
    ['12:30', '12:30'],
    ['yes', 'yes'],
    ['On', 'On'],
    ['True', true],
    ['~', null],
    ['2001-02-03', '2001-02-03T00:00:00Z'],
    ['!!str 12', '12'],
  ])('takes the scalar %s for %o', (text, meaning) => {
    expect(value(`a: ${text}`)).toEqual({ a: meaning })
  })

  test('merges << under the keys of the mapping itself, the first of several first', () => {
    const text =
      'a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 0}\nd:\n  <<: *b\n  y: 3\n'
    expect(value(text)).toMatchObject({ c: { x: 0, y: 1, z: 2 }, d: { y: 3, z: 2 } })
  })

  test('shows a quote that is not closed where it opens', () => {
    expect(read('a: 1\nb: "c\nd: 2\ne: 3\n').errors).toEqual([
      '2:4 Cannot read the YAML: Missing closing "quote',
    ])
    expect(read("a: 1\nb:\n  - 'c\nd: 2\n").errors[0]).toMatch(/^3:5 .*Missing closing 'quote/)
  })

  test('reads every document of a text', () => {
    expect(read('a: 1\n---\nb: 2\n...\n---\nc: 3\n').values).toEqual([{ a: 1 }, { b: 2 }, { c: 3 }])
  })

  test('takes a byte order mark and CRLF', () => {
    expect(value('\uFEFFa: 1\r\nb: |\r\n  x\r\n  y\r\n')).toEqual({ a: 1, b: 'x\ny\n' })
  })

  test('takes a flow collection that ends in the column of its key', () => {
    expect(value('a:\n  b: [\n    1\n  ]\n  c: {\n  }\n')).toEqual({ a: { b: [1], c: {} } })
  })

  test.each([
    ['a: 1\na: 2\n', 2, 'twice'],
    ['a:\n\tb: 1\n', 2, 'Tab'],
    ['a: "x\n', 1, 'closing'],
    ['a: [1\n', 2, 'end with a ]'],
    ['a: b: c\n', 1, 'Nested'],
    ['a:\n    b: 1\n  c: 2\n', 3, 'column'],
    ['a: *x\n', 1, 'anchor'],
    ['- a\nb: 1\n', 2, 'Unexpected'],
    ['a: @x\n', 1, 'reserved'],
    ['1: x\n', 1, 'as a key'],
    ['a: {1: x}\n', 1, 'in a'],
    ['a: "\\q"\n', 1, 'escape'],
    ['a: 1\nb: {<<: 2}\n', 2, 'merge'],
  ])('refuses %j on line %i', (text, line, word) => {
    const { errors } = read(text)
    expect(errors.some((error) => error.startsWith(`${line}:`))).toBe(true)
    expect(errors.join('\n')).toContain(word)
  })

  test('refuses an alias bomb without following it', () => {
    const levels = Array.from(
      { length: 9 },
      (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`,
    )
    const { errors } = read(`l0: &l0 [x]\n${levels.join('\n')}\n`)
    expect(errors.join('\n')).toContain('would grow')
  })

  test.each(['[', '{a: ', '- ', '? '])('refuses 50,000 of %j inside each other', (opening) => {
    expect(read(opening.repeat(50_000)).errors).toHaveLength(1)
  })

  test('takes __proto__ for a key like any other', () => {
    const report = new Report()
    const [node] = parseYaml({ path: '/f', name: 'f', text: '__proto__: {x: 1}\n' }, report)
    expect(node?.kind === 'map' && [...node.entries.keys()]).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })
})

const text = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom(
    'a: b',
    '- x',
    'yes',
    '010',
    '1e3',
    ' lead',
    'trail ',
    '#x',
    'a #b',
    '|',
    '',
    "it's",
    '"',
    '\n',
    'x\ny\n',
    'null',
    '<<',
    '=',
    '~',
    '2001-01-01',
  ),
)
const json = fc.letrec<{ node: Plain }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('node'), { maxLength: 4 }),
    fc.dictionary(text, tie('node'), { maxKeys: 4 }),
  ),
})).node

describe('yamlText()', () => {
  test('prints what parseYaml() and the yaml package read back as the same values', () => {
    fc.assert(
      fc.property(json, (plain) => {
        const printed = yamlText(plain)
        const same: unknown = JSON.parse(JSON.stringify(plain))
        expect(read(printed)).toEqual({ values: [same], errors: [] })
        expect(parse(printed, { maxAliasCount: 0 })).toEqual(same)
      }),
      { numRuns: 400 },
    )
  })
})

describe('parseYaml() on any text', () => {
  test('reports instead of crashing', () => {
    const pieces = fc.array(
      fc.constantFrom(
        'a',
        ':',
        ' ',
        '\n',
        '-',
        '  ',
        '[',
        ']',
        '{',
        '}',
        ',',
        '"',
        "'",
        '|',
        '>',
        '&x',
        '*x',
        '!reset',
        '#',
        '?',
        '<<',
        '\t',
        '---',
        '%',
        '\\',
        '1',
      ),
      { maxLength: 40 },
    )
    fc.assert(
      fc.property(pieces, (parts) => {
        const { values, errors } = read(parts.join(''))
        expect(values.length + errors.length).toBeGreaterThanOrEqual(0)
      }),
      { numRuns: 2000 },
    )
  })
})

test('prune() takes out what is at the paths, whatever their order', () => {
  const text = 'a: [x, {b: 1, c: 2}, y]\nd: {e: 1}\n'
  const [tree] = parseYaml({ path: '/f', name: 'f', text }, new Report())
  if (tree?.kind !== 'map') throw new Error('no mapping')
  const left = prune(tree, [['a', 0], ['a', 1, 'b'], ['a', 2], ['d'], ['none', 1], []])
  expect(toPlain(left)).toEqual({ a: [{ c: 2 }] })
})
