/** The small programs of scripts/: what they print, and how they end. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const SCRIPTS = resolve(import.meta.dirname, '../../scripts')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scripts-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function run(script: string, words: readonly string[], path = process.env['PATH']) {
  const file = join(SCRIPTS, script)
  return spawnSync(process.execPath, [file, ...words], { encoding: 'utf8', env: { PATH: path } })
}

const file = (...statuses: readonly string[]): object => ({
  name: '/x.test.ts',
  status: statuses.includes('failed') ? 'failed' : 'passed',
  assertionResults: statuses.map((status) => ({ status })),
})

function summary(
  testResults: readonly object[],
  ...steps: readonly string[]
): { last: string | undefined; status: number | null } {
  const report = join(folder, 'report.json')
  writeFileSync(report, JSON.stringify({ testResults }))
  const { stdout, status } = run('summary.mjs', [report, ...steps])
  return { last: stdout.trimEnd().split('\n').at(-1), status }
}

describe('summary.mjs', () => {
  test('counts what passed and ends with 0', () => {
    const result = summary(
      [file('passed', 'passed'), file('passed', 'pending')],
      'test=0',
      'lint=0',
    )
    expect(result).toEqual({ last: '3 passed, 0 failed', status: 0 })
  })

  test('counts what failed and ends with 1', () => {
    expect(summary([file('passed', 'failed')], 'test=1')).toEqual({
      last: '1 passed, 1 failed',
      status: 1,
    })
  })

  test('counts a failed step, a file that cannot run and a run that broke off', () => {
    expect(summary([file('passed')], 'test=0', 'lint=1').last).toBe('1 passed, 1 failed')
    const broken = { name: '/y.test.ts', status: 'failed', assertionResults: [] }
    expect(summary([file('passed'), broken], 'test=1').last).toBe('1 passed, 1 failed')
    expect(summary([file('passed')], 'test=1').last).toBe('1 passed, 1 failed')
  })

  test('without a report nothing has passed', () => {
    const { stdout, status } = run('summary.mjs', [join(folder, 'absent.json'), 'test=1'])
    expect(stdout).toMatch(/^0 passed, 1 failed$/m)
    expect(status).toBe(1)
  })
})

describe('lock.mjs', () => {
  test('adds the optional packages of other platforms, once', () => {
    const lock = join(folder, 'package-lock.json')
    const packages = {
      '': { name: 'x' },
      'node_modules/tool': {
        version: '1.2.3',
        dev: true,
        optionalDependencies: { '@tool/linux-x64': '1.2.3', '@tool/win32-arm64-msvc': '1.2.3' },
      },
      'node_modules/@tool/linux-x64': { version: '1.2.3', integrity: 'sha512-x', optional: true },
    }
    writeFileSync(lock, JSON.stringify({ packages }))
    expect(run('lock.mjs', [lock]).stdout).toContain('1 entries')
    const completed = JSON.parse(readFileSync(lock, 'utf8'))
    expect(completed.packages['node_modules/@tool/win32-arm64-msvc']).toEqual({
      version: '1.2.3',
      cpu: ['arm64'],
      dev: true,
      optional: true,
      os: ['win32'],
    })
    expect(run('lock.mjs', [lock]).stdout).toContain('0 entries')
  })
})

describe('packages.mjs', () => {
  test('says what is missing and the one command that installs it, where it may not', () => {
    // A PATH without apt-get; /usr/sbin, which is always looked in, holds none of these.
    const { stderr, status } = run('packages.mjs', [], folder)
    expect(status).toBe(1)
    expect(stderr).toMatch(/^The tests need .*curl.*\. Install them:\n {4}\S.* install .*curl/m)
  })
})
