import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { supportDocument } from '../../src/spec/index.ts'
import { SUPPORT } from '../../src/spec/support/table.ts'
import { load } from './stack.ts'

/** `PATH has no effect: WHY` of every warning of a stack, in the order of lines. */
function warnings(text: string): readonly string[] {
  return load(text).diagnostics.map(({ message }) => message)
}

/** A stack with the lines in its service, which begin at line 4, in column 5. */
const service = (...lines: readonly string[]): string =>
  ['services:', '  web:', '    image: x', ...lines.map((line) => `    ${line}`), ''].join('\n')

/** Warnings of `services.web` with these lines, without that prefix. */
function gaps(...lines: readonly string[]): readonly string[] {
  return warnings(service(...lines)).map((each) =>
    each.replace('services.web.', '').replace(' has no effect', ''),
  )
}

describe('the support table', () => {
  test('is what docs/compose-support.md says; npm run docs writes it', () => {
    expect(readFileSync('docs/compose-support.md', 'utf8')).toBe(supportDocument())
  })

  test('names only paths of the schema', () => {
    const rows = [...supportDocument().matchAll(/^\| `([^`]+)` \|/gm)].map(([, path]) => path)
    const parents = new Set(rows.map((path) => path?.replace(/\.\*$/, '')))
    expect(Object.keys(SUPPORT).filter((path) => !parents.has(path.replace(/\.\*$/, '')))).toEqual(
      [],
    )
  })
})

describe('a key without effect', () => {
  test('is warned of at its place', () => {
    const text = service('cpu_count: 2', 'logging: {options: {tag: x}}')
    expect(load(text).diagnostics).toMatchObject([
      { rule: 'no-effect', file: 'compose.yaml', line: 4, severity: 'warning' },
      { rule: 'no-effect', file: 'compose.yaml', line: 5, column: 25, length: 3 },
    ])
  })

  test.each([
    'credential_spec: {file: a}',
    'cpu_count: 2',
    'deploy: {placement: {constraints: [a==b]}}',
  ])('{ %s } is warned of', (line) => {
    expect(gaps(line).length).toBeGreaterThan(0)
  })

  test.each([
    ['runtime: gvisor', 'runtime: "gvisor": tsstack starts containers itself'],
    [
      'volumes_from: ["container:x"]',
      'volumes_from[0]: "container:x": only services of the stack lend volumes',
    ],
    ['deploy: {mode: global}', 'deploy.mode: "global": services are replicated'],
    ['healthcheck: {interval: 1s}', 'healthcheck: without "test" there is nothing to run'],
    ['volumes: [{type: cluster, source: i, target: /i}]', /^volumes\[0\]\.type: "cluster"/],
  ])('{ %s } says why', (line, expected) => {
    expect(gaps(line)).toEqual([
      typeof expected === 'string' ? expected : expect.stringMatching(expected),
    ])
  })

  test.each([
    'privileged: false',
    'devices: []',
    'storage_opt: {}',
    'oom_kill_disable: false',
    'tty: false',
    'restart: always',
    'healthcheck: {test: [CMD, a]}',
    'healthcheck: {disable: true}',
    'logging: {driver: local, options: {max-size: 1m}}',
    'security_opt: ["no-new-privileges:true", "apparmor=unconfined"]',
    'volumes: [{type: bind, source: /a, target: /a, bind: {selinux: z}}]',
    'deploy: {mode: replicated, replicas: 2, resources: {}, placement: {}}',
  ])('{ %s } has an effect or asks for nothing', (line) => {
    expect(gaps(line)).toEqual([])
  })

  test('is the socket of an engine, which tsstack is not', () => {
    const [warning, ...others] = gaps("volumes: ['/var/run/docker.sock:/s', /srv/x.sock:/x]")
    expect(warning).toMatch(/^volumes\[0\]\.source: .*tsstack has no Docker API/)
    expect(others).toEqual([])
  })

  test('is not looked for in services that are not active', () => {
    const text =
      'services: {a: {image: x}, b: {image: x, profiles: [p], credential_spec: {file: a}}}'
    expect(warnings(text)).toEqual([])
  })

  test('of networks and volumes is warned of once', () => {
    const text =
      'services: {a: {image: x, networks: [n], volumes: ["v:/v"]}}\n' +
      'networks: {n: {driver: overlay, attachable: true}}\n' +
      'volumes: {v: {driver: rclone}}\n'
    expect(warnings(text)).toHaveLength(3)
  })
})
