import { describe, expect, test } from 'vitest'
import { substitute, variablesOf } from '../../src/spec/interpolate/template.ts'
import { errors, load, problems, warnings, web } from './stack.ts'

const VARIABLES: Readonly<Record<string, string>> = { IMG: 'nginx', EMPTY: '', _U: 'under' }

function fill(template: string): string {
  return substitute(template, (name) => VARIABLES[name])
}

describe('substitute()', () => {
  test.each([
    ['$IMG', 'nginx'],
    ['${IMG}', 'nginx'],
    ['a$IMG-b$IMG.c', 'anginx-bnginx.c'],
    ['${UNSET:-d}', 'd'],
    ['${EMPTY:-d}', 'd'],
    ['${EMPTY-d}', ''],
    ['${UNSET-d}', 'd'],
    ['${IMG:+alt}', 'alt'],
    ['${EMPTY:+alt}', ''],
    ['${EMPTY+alt}', 'alt'],
    ['${UNSET+alt}', ''],
    ['${IMG:?m}', 'nginx'],
    ['${EMPTY?m}', ''],
    ['$$IMG $${IMG}', '$IMG ${IMG}'],
    ['${UNSET:-${ALSO:-deep}}', 'deep'],
    ['${UNSET:-a}b}', 'ab}'],
    ['${UNSET:-{"a": 1}}', '{"a": 1}'],
    ['${UNSET:-http://x:80/?a=b&c}', 'http://x:80/?a=b&c'],
    ['100$ $1 $? $-', '100$ $1 $? $-'],
    ['${IMG:-${X:?never asked for}}', 'nginx'],
    ['${_U} $_U', 'under under'],
  ])('fills in %s as %s', (template, value) => {
    expect(fill(template)).toBe(value)
  })

  test.each([
    ['${IMG', 'not closed'],
    ['${}', 'name'],
    ['${1}', 'name'],
    ['${IMG!x}', 'after the name'],
    ['${UNSET:?set it}', 'set it'],
    ['${UNSET?}', 'UNSET'],
  ])('refuses %s', (template, word) => {
    expect(() => fill(template)).toThrow(word)
  })
})

describe('variablesOf()', () => {
  test('names the variables of defaults too', () => {
    const names = variablesOf('$A ${B:-${C}} $$D').map(({ name }) => name)
    expect(names).toEqual(['A', 'B', 'C'])
  })
})

describe('loadStack() with variables', () => {
  test('fills in values and leaves keys alone', () => {
    const service = web('labels: {"${IMG}": "${IMG}"}', { env: { IMG: 'nginx' } })
    expect(service.labels).toEqual({ '${IMG}': 'nginx' })
  })

  test.each([
    ['privileged: "${V}"', 'true', { privileged: true }],
    ['privileged: "${V}"', 'Yes', { privileged: true }],
    ['tty: "${V}"', 'off', {}],
    ['scale: "${V}"', '3', { scale: 3 }],
    ['cpus: "${V}"', '0.5', { cpus: 0.5 }],
    [
      'ports: [{target: "${V}"}]',
      '80',
      { ports: [{ target: 80, mode: 'ingress', protocol: 'tcp' }] },
    ],
  ])('casts %s with V=%s by its path', (text, value, expected) => {
    const {
      image: _image,
      command: _command,
      entrypoint: _entrypoint,
      networks: _networks,
      ...rest
    } = web(text, { env: { V: value } })
    expect(rest).toEqual(expected)
  })

  test('warns of words that YAML 1.2 does not take for booleans', () => {
    expect(warnings('services: {web: {image: x, init: "yes"}}')).toEqual(['old-boolean'])
  })

  test('refuses a value that cannot be cast, and names the place', () => {
    expect(problems('services:\n  web:\n    image: x\n    tty: "1"\n')).toEqual([
      'invalid-value compose.yaml:4:10',
    ])
  })

  test('reports every required variable at once', () => {
    const found = errors('services:\n  web:\n    image: ${A:?a is needed}\n    user: ${B?}\n')
    expect(found.map(({ rule, line }) => `${rule} ${line}`)).toEqual([
      'required-variable 3',
      'required-variable 4',
    ])
    expect(found[0]?.message).toContain('a is needed')
  })

  test('warns once of a variable without value, wherever it is used', () => {
    expect(warnings('services: {web: {image: "x$A", user: "$A$B"}}')).toEqual([
      'unset-variable',
      'unset-variable',
    ])
  })

  test('gives the project name to the file', () => {
    expect(
      load('name: shop\nservices: {web: {image: "${COMPOSE_PROJECT_NAME}"}}').stack.services['web']
        ?.image,
    ).toBe('shop')
  })
})
