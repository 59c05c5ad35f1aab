import { describe, expect, test } from 'vitest'
import { Report } from '../../src/spec/diagnostics/report.ts'
import { parseDotenv } from '../../src/spec/dotenv/parse.ts'
import { parseRawEnv } from '../../src/spec/dotenv/raw.ts'
import { load, problems, web } from './stack.ts'

function read(
  text: string,
  outside: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const into = new Map<string, string>()
  const report = new Report()
  const source = { path: '/e', name: 'e', text }
  parseDotenv(source, into, { lookup: (name) => outside[name], report })
  expect(report.diagnostics()).toEqual([])
  return Object.fromEntries(into)
}

function wrong(text: string): readonly (string | undefined)[] {
  const report = new Report()
  parseDotenv({ path: '/e', name: 'e', text }, new Map(), { lookup: () => undefined, report })
  return report.diagnostics().map(({ severity, line }) => `${severity} ${line}`)
}

describe('parseDotenv()', () => {
  test.each([
    ['A=1', { A: '1' }],
    ['A = spaced  ', { A: 'spaced' }],
    ['export A=1', { A: '1' }],
    ['A: yaml', { A: 'yaml' }],
    ['A=', { A: '' }],
    ['A=x # comment', { A: 'x' }],
    ['A=x#y', { A: 'x#y' }],
    ['# c\n\n  A=1\n#d\nB=2', { A: '1', B: '2' }],
    ['A="x # y" # c', { A: 'x # y' }],
    ["A='$B \\n'", { A: '$B \\n' }],
    ['A="a\\tb\\n\\"q\\" \\$B"', { A: 'a\tb\n"q" $B' }],
    ['A="one\ntwo"\nB=3', { A: 'one\ntwo', B: '3' }],
    ['A=1\nB=${A}2\nC="${B}3"', { A: '1', B: '12', C: '123' }],
    ['A=${X:-d}', { A: 'd' }],
    ['A=1\r\nB="x"\r\n', { A: '1', B: 'x' }],
    ['\uFEFFA=1', { A: '1' }],
    ['A=1\nA=2', { A: '2' }],
    ['A.b-c[0]=1', { 'A.b-c[0]': '1' }],
  ])('reads %j', (text, variables) => {
    expect(read(text)).toEqual(variables)
  })

  test('takes a name alone, and a variable inside a value, from outside', () => {
    expect(read('H\nU\nV=$H', { H: 'host' })).toEqual({ H: 'host', V: 'host' })
  })

  test.each([
    ['A B=1', ['error 1']],
    ['A=1\nB="x', ['error 2']],
    ['A="x" y', ['error 1']],
    ['A=${B', ['error 1']],
    ['A=1\n=x\n', ['warning 2']],
    ['A!=1\nB C\n', ['error 1', 'error 2']],
  ])('reports what is wrong in %j', (text, places) => {
    expect(wrong(text)).toEqual(places)
  })
})

describe('parseRawEnv()', () => {
  test('keeps quotes, dollars and blanks', () => {
    const into = new Map<string, string>()
    const source = { path: '/e', name: 'e', text: '# c\nA="$x" # y \n  B= 1\nH\n' }
    parseRawEnv(source, into, {
      lookup: (name) => (name === 'H' ? 'h' : undefined),
      report: new Report(),
    })
    expect(Object.fromEntries(into)).toEqual({ A: '"$x" # y ', B: ' 1', H: 'h' })
  })
})

describe('loadStack() with env files', () => {
  const stack =
    'services:\n  web:\n    image: ${TAG:-none}\n    env_file: [a.env, {path: no.env, required: false}]\n    environment: {B: own, C: }\n'

  test('reads .env for the file and env_file for the container', () => {
    const { services } = load({
      'compose.yaml': stack,
      '.env': 'TAG=v1\nC=from-dotenv',
      'a.env': 'A=$TAG\nB=file',
    }).stack
    expect(services['web']).toMatchObject({
      image: 'v1',
      environment: { A: 'v1', B: 'own', C: 'from-dotenv' },
    })
  })

  test('lets the caller win over .env, and a later --env-file over an earlier one', () => {
    const files = {
      'compose.yaml': 'services: {web: {image: "$A-$B"}}',
      'a.env': 'A=a\nB=a',
      'b.env': 'B=b',
    }
    const loaded = load(files, { env: { A: 'caller' }, envFiles: ['a.env', 'b.env'] })
    expect(loaded.stack.services['web']?.image).toBe('caller-b')
  })

  test('names the line that asks for a missing file, and the line of a wrong one', () => {
    expect(problems({ 'compose.yaml': stack })).toEqual(['file compose.yaml:4:16'])
    expect(problems({ 'compose.yaml': stack, 'a.env': 'A=1\nB C=2\n' })).toEqual([
      'env-file a.env:2:1',
    ])
  })

  test('names the line that asks for a file with a NUL in a value', () => {
    for (const text of ['A=1\nB=x\0y\n', String.raw`C="x\000y"`]) {
      const found = problems({ 'compose.yaml': stack, 'a.env': text })
      expect(found).toEqual(['invalid-value compose.yaml:4:16'])
    }
  })

  test('keeps a variable without value as null', () => {
    expect(web('environment: [A, B=1]').environment).toEqual({ A: null, B: '1' })
  })
})
