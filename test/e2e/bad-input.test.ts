/** The built command line on files that are wrong: each is refused with its place, and quickly. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { PROJECT } from '../support/sandbox.ts'
import { Scene } from './cli-scene.ts'

const folder = mkdtempSync(join(tmpdir(), 'tsstack-bad-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function tsstack(...words: readonly string[]) {
  const command = [join(PROJECT, 'bin/tsstack.js'), ...words]
  const options = { cwd: folder, encoding: 'utf8', timeout: 60_000 } as const
  const { stdout, stderr, status } = spawnSync(process.execPath, command, options)
  return { stdout, stderr, status }
}

function write(files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
}

const chain = 'services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}\n'
const web = (fields: string): string => `services:\n  web:\n    image: x\n    ${fields}\n`

/** What it is, the files with the stack first, and what is said of it. */
const CASES: readonly (readonly [string, Record<string, string | Uint8Array>, RegExp])[] = [
  ['bytes that are no UTF-8', { 'utf8.yaml': Uint8Array.of(0x61, 0xff) }, /utf8\.yaml.*UTF-8/],
  ['an empty file', { 'empty.yaml': '' }, /empty\.yaml.*empty compose file/],
  ['a tab', { 'tab.yaml': 'services:\n\tweb: {}\n' }, /tab\.yaml:2:1: .*[Tt]abs/],
  ['deep brackets', { 'deep.yaml': 'a: '.concat('['.repeat(50_000)) }, /deep\.yaml:1:.*nested/],
  [
    'deep indentation',
    { 'indent.yaml': Array.from({ length: 1000 }, (_, at) => `${' '.repeat(at)}a:\n`).join('') },
    /indent\.yaml:201:.*nested/,
  ],
  [
    'an alias bomb',
    {
      'bomb.yaml': `x0: &x0 [a]\n${Array.from(
        { length: 30 },
        (_, at) => `x${at + 1}: &x${at + 1} [*x${at}, *x${at}, *x${at}]\n`,
      ).join('')}`,
    },
    /bomb\.yaml:\d+:\d+: .*would grow/,
  ],
  [
    'too many values',
    { 'values.yaml': `x-a: [${'[],'.repeat(60_000)}]` },
    /values\.yaml:1:1: .*at most/,
  ],
  ['a cycle of depends_on', { 'cycle.yaml': chain }, /cycle\.yaml:1:\d+: .*a -> b -> a/],
  [
    'a cycle of extends',
    { 'extends.yaml': 'services: {a: {extends: b}, b: {extends: a}}\n' },
    /extends\.yaml:1:\d+: .*cycle/,
  ],
  [
    'a cycle of include',
    { 'include.yaml': 'include: [other.yaml]\n', 'other.yaml': 'include: [include.yaml]\n' },
    /other\.yaml:1:11: .*cycle/,
  ],
  [
    'a remote include',
    { 'remote.yaml': 'include: ["https://example.com/a.yaml"]\n' },
    /remote\.yaml:1:\d+: .*not supported yet/,
  ],
  [
    'a remote base',
    { 'base.yaml': 'services: {a: {extends: {file: "git@example.com:a.git", service: b}}}\n' },
    /base\.yaml:1:\d+: .*not supported yet/,
  ],
  [
    'an env file with an error',
    { 'env.yaml': web('env_file: a.env'), 'a.env': 'A=1\nB="open\n' },
    /a\.env:2:\d+: .*[^]*introduced by env\.yaml:4:/,
  ],
  [
    'an env file that is not there',
    { 'no-env.yaml': web('env_file: no.env') },
    /no-env\.yaml:4:15.*no such file/,
  ],
  ['keys of objects', { 'proto.yaml': web('__proto__: {a: 1}') }, /proto\.yaml:4:5: .*"__proto__"/],
]

describe('tsstack config', () => {
  test.each(CASES)('refuses %s at its place', (_, files, expected) => {
    write(files)
    const { status, stdout, stderr } = tsstack('-f', Object.keys(files)[0] ?? '', 'config')
    expect(stderr).toMatch(expected)
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  })

  test('refuses a FIFO, a folder and what is not there without waiting', () => {
    execFileSync('mkfifo', [join(folder, 'fifo')])
    expect(tsstack('-f', 'fifo', 'config')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no regular file'),
    })
    expect(tsstack('-f', '.', 'config').stderr).toContain('it is a directory')
    expect(tsstack('-f', 'nowhere', 'config').stderr).toContain('no such file')
  })

  test('takes a byte order mark, CRLF and names of JavaScript', () => {
    write({
      'good.yaml':
        '\uFEFFservices:\r\n  __proto__:\r\n    image: x\r\n    hostname: constructor\r\n',
    })
    const { status, stdout } = tsstack('-f', 'good.yaml', 'config', '--format', 'json')
    expect(status).toBe(0)
    expect(stdout).toMatch(/"__proto__": \{[^]*"hostname": "constructor"/)
  })

  test('shows every broken line of a YAML text', () => {
    write({
      'lines.yaml': 'services:\n  a:\n    image: x: y\n  b:\n    image: %bad\n    user: @c\n',
    })
    const { stderr } = tsstack('-f', 'lines.yaml', 'config')
    expect(stderr).toMatch(/:3:12: [^]*:5:12: [^]*:6:11: [^]*3 errors/)
  })
})

/** Commands that work by the stack file; `watch` waits until it is in order. */
const STRICT: readonly (readonly string[])[] = [
  ['config'],
  ['explain', 'services.web.cpu_count'],
  ['plan'],
  ['up', '-d'],
  ['create'],
  ['run', '--rm', 'web'],
]

describe('--strict', () => {
  test('makes errors of warnings for every command that works by the file', async () => {
    const scene = await Scene.open()
    try {
      scene.write({ web: ['cpu_count: 2'] })
      for (const words of STRICT) {
        const { code, stderr } = await scene.run('--strict', ...words)
        expect({ code, stderr }).toMatchObject({
          code: 1,
          stderr: expect.stringMatching(/:\d+:\d+: error: .*cpu_count has no effect/),
        })
      }
      expect((await scene.run('plan')).stderr).toMatch(/warning: .*cpu_count has no effect/)
      expect((await scene.ok('ps', '--json')).stdout).not.toContain('web')
    } finally {
      await scene.close()
    }
  })
})
