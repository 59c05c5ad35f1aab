/** The built command line on stack files: config, explain, schema. No root, no supervisor. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { PROJECT } from '../support/sandbox.ts'

const folder = mkdtempSync(join(tmpdir(), 'tsstack-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

writeFileSync(
  join(folder, 'compose.yaml'),
  `services:
  web: { image: 'x:\${TAG:-1}', depends_on: [db], labels: { a.b: one } }
  db: { image: x, cpu_count: 2 }
  other: { image: x }
`,
)
writeFileSync(join(folder, 'compose.override.yaml'), "services: { web: { image: 'y:2' } }\n")
writeFileSync(join(folder, 'bad.yaml'), 'services:\n  web:\n    imge: x\n')

function tsstack(...words: readonly string[]) {
  const command = [join(PROJECT, 'bin/tsstack.js'), ...words]
  const { stdout, stderr, status } = spawnSync(process.execPath, command, {
    cwd: folder,
    encoding: 'utf8',
  })
  return { stdout, stderr, status }
}

describe('tsstack config', () => {
  test('prints YAML that it prints again unchanged', () => {
    const { stdout, status } = tsstack('config')
    expect(status).toBe(0)
    const again = spawnSync(
      process.execPath,
      [join(PROJECT, 'bin/tsstack.js'), '-f', '-', 'config'],
      { cwd: folder, encoding: 'utf8', input: stdout },
    )
    expect(again.stdout).toBe(stdout)
  })

  test('limits its output to the services it is given and what they depend on', () => {
    expect(tsstack('config', '--services', 'web').stdout).toBe('db\nweb\n')
    expect(tsstack('config', '--images', 'other').stdout).toBe('x\n')
    expect(tsstack('config', 'wbe')).toMatchObject({ status: 1, stdout: '' })
  })

  test('ends with 1 for a warning under --strict, and prints nothing under -q', () => {
    expect(tsstack('config', '-q')).toMatchObject({ status: 0, stdout: '' })
    const { status, stderr } = tsstack('config', '-q', '--strict')
    expect(status).toBe(1)
    expect(stderr).toMatch(/compose\.yaml:3:19: error: services\.db\.cpu_count has no effect/)
  })

  test('prints what is wrong as JSON and as SARIF, and ends with 1 when there is an error', () => {
    const json = tsstack('config', '--diagnostics', 'json')
    expect(json.status).toBe(0)
    expect(JSON.parse(json.stdout)).toMatchObject({
      diagnostics: [{ severity: 'warning', rule: 'no-effect', file: 'compose.yaml', line: 3 }],
    })
    const sarif = tsstack('-f', 'bad.yaml', 'config', '--diagnostics', 'sarif')
    expect(sarif.status).toBe(1)
    expect(JSON.parse(sarif.stdout).runs[0].results).toMatchObject([
      { ruleId: 'unknown-key', level: 'error', locations: [{}] },
    ])
  })

  test('writes to the file of -o, and says why it cannot', () => {
    const { stdout } = tsstack('config', '--format', 'json')
    expect(tsstack('config', '--json', '-o', 'out.json')).toMatchObject({ status: 0, stdout: '' })
    expect(readFileSync(join(folder, 'out.json'), 'utf8')).toBe(stdout)
    expect(tsstack('config', '-o', 'no/out').stderr).toMatch(/Cannot write "no\/out": ENOENT/)
  })

  test('prints variables, environment and hashes', () => {
    expect(tsstack('-f', 'compose.yaml', 'config', '--variables').stdout).toContain(
      'TAG    false      1',
    )
    const { TAG } = JSON.parse(
      tsstack('-f', 'compose.yaml', 'config', '--variables', '--json').stdout,
    )
    expect(TAG).toMatchObject({ name: 'TAG', required: false, defaultValue: '1' })
    expect(tsstack('config', '--environment').stdout).toMatch(/^PATH=/m)
    expect(tsstack('config', '--hash', '*').stdout).toMatch(
      /^db [0-9a-f]{64}\nother [0-9a-f]{64}\nweb [0-9a-f]{64}\n$/,
    )
    expect(tsstack('config', '--hash', 'db,web').stdout).toMatch(/^db \w+\nweb \w+\n$/)
  })
})

describe('tsstack explain', () => {
  test('shows the value, the place that won and the places that lost', () => {
    expect(tsstack('explain', 'services.web.image').stdout).toBe(
      [
        'services.web.image = "y:2"',
        '  compose.override.yaml:1:27',
        '  compose.yaml:2:17: replaced "x:1", filled in from "x:${TAG:-1}"',
        'Root filesystem of the containers: host:, dir:PATH or an image\n',
      ].join('\n'),
    )
  })

  test('takes a key with a dot in brackets, and prints data with --json', () => {
    const { stdout } = tsstack('explain', '--json', 'services.web.labels["a.b"]')
    expect(JSON.parse(stdout)).toMatchObject({ value: 'one', origins: [{ line: 2 }] })
  })

  test('says why a key has no effect', () => {
    expect(tsstack('explain', 'services.db.cpu_count').stdout).toMatch(/^It has no effect: /m)
  })

  test('guesses at what was meant when there is no such key', () => {
    const { status, stderr } = tsstack('explain', 'services.web.imag')
    expect(status).toBe(1)
    expect(stderr).toMatch(/NO_SUCH_KEY[^]*did you mean "image"\?/)
  })
})

test('tsstack schema prints a JSON Schema that knows the keys of a service', () => {
  const { status, stdout } = tsstack('schema')
  expect(status).toBe(0)
  expect(JSON.parse(stdout).$schema).toBe('https://json-schema.org/draft/2020-12/schema')
  expect(stdout).toContain('"depends_on"')
})
