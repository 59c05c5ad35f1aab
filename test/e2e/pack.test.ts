/** The package that users get: packed, installed into an empty folder, and run there. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publint } from 'publint'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Sandbox, PROJECT, succeeded } from '../support/sandbox.ts'
import { until } from '../support/until.ts'

interface Packed {
  readonly filename: string
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string }[]
}

const folder = mkdtempSync(join(tmpdir(), 'tsstack-pack-'))
const installed = join(folder, 'node_modules/tsstack')
let packed: Packed
let sandbox: Sandbox

beforeAll(async () => {
  const words = ['pack', '--json', '--silent', '--pack-destination', folder]
  const output = execFileSync('npm', words, { cwd: PROJECT, encoding: 'utf8' })
  packed = onlyPackage(JSON.parse(output))
  writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "private": true }\n')
  // What the project's own modules were installed from is here already: nobody else is asked.
  const install = ['install', '--silent', '--prefer-offline', '--no-audit', '--no-fund']
  execFileSync('npm', [...install, `./${packed.filename}`], { cwd: folder })
  sandbox = await Sandbox.open(join(installed, 'bin/tsstack.js'))
})

afterAll(async () => {
  await sandbox?.close()
  rmSync(folder, { recursive: true, force: true })
})

test('the package holds what is needed to run, and no tests, sources or secrets', () => {
  const paths = packed.files.map((file) => file.path)
  for (const needed of ['bin/tsstack.js', 'README.md', 'LICENSE', 'CHANGELOG.md', 'package.json']) {
    expect(paths).toContain(needed)
  }
  expect(paths.filter((path) => /^(?:src|test|bench|scripts|docs|\.)/.test(path))).toEqual([])
  expect(packed.unpackedSize).toBeLessThan(8 * 1024 * 1024)
})

test('publint finds nothing wrong with the package', async () => {
  const { messages } = await publint({ pkgDir: installed, level: 'suggestion', strict: true })
  expect(messages).toEqual([])
})

test('tsstack version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8'))
  const result = await sandbox.tsstack(['version'], { cwd: folder })
  succeeded(result)
  expect(result.stdout).toContain(version)
})

test('npx finds the command', async () => {
  const words = ['npx', '--no-install', 'tsstack', 'version']
  const path = `${join(process.execPath, '..')}:${process.env['PATH']}`
  expect(await sandbox.inNetns(words, { cwd: folder, env: { PATH: path } })).toMatchObject({
    code: 0,
  })
})

test('tsstack config reads a stack file outside the project', async () => {
  mkdirSync(join(folder, 'stack'), { recursive: true })
  writeFileSync(
    join(folder, 'stack/compose.yaml'),
    "services:\n  one:\n    image: 'host:'\n    command: ['true']\n",
  )
  const result = await sandbox.tsstack(['config'], { cwd: join(folder, 'stack') })
  succeeded(result)
  expect(result.stdout).toContain('one:')
})

test('loadStack() of the package reads the files, the variables and the folder it is given', async () => {
  const text = "services:\n  one:\n    image: 'dir:${ROOT}'\n    init: sometimes\n"
  mkdirSync(join(folder, 'library'), { recursive: true })
  writeFileSync(join(folder, 'library/bad.yaml'), text)
  writeFileSync(join(folder, 'library/compose.yaml'), text.replace('sometimes', 'true'))
  const { loadStack, renderDiagnostics, SpecError } = (await import(
    join(installed, 'dist/index.js')
  )) as typeof import('../../src/index.ts')
  const place = { cwd: join(folder, 'library'), env: { ROOT: '/srv' } }
  expect(loadStack(place).stack.services['one']).toMatchObject({ image: 'dir:/srv', init: true })
  expect(
    loadStack({ ...place, files: ['-'], stdin: text.replace('sometimes', 'no') }),
  ).toMatchObject({
    stack: { services: { one: { init: false } } },
    diagnostics: [{ rule: 'old-boolean' }],
  })
  try {
    loadStack({ ...place, files: ['bad.yaml'] })
    expect.unreachable()
  } catch (error) {
    if (!(error instanceof SpecError)) throw error
    expect(renderDiagnostics(error.diagnostics, error.sources)).toMatch(/^bad\.yaml:4:11: error/)
  }
})

test('the program in the README runs, and its types are those of the package', async () => {
  const page = readFileSync(join(PROJECT, 'README.md'), 'utf8')
  const block = /^ {4}import \{ loadStack[^]*?\n {4}\}\n/m.exec(page)?.[0] ?? ''
  const program = block.replaceAll(/^ {4}/gm, '')
  const stack = "services:\n  one:\n    image: 'host:'\n"
  mkdirSync(join(folder, 'program'), { recursive: true })
  writeFileSync(join(folder, 'program/compose.yaml'), stack)
  writeFileSync(join(folder, 'program/main.mts'), program)
  // A mistake in the use of a type has to be one for the compiler too.
  const wrong = "export const image: number = loadStack().stack.services['one']!.image\n"
  writeFileSync(join(folder, 'program/wrong.mts'), `${program}\n${wrong}`)
  const cwd = join(folder, 'program')
  const compile = (file: string) => {
    const options = ['--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext']
    const types = ['--types', 'node', '--typeRoots', join(PROJECT, 'node_modules/@types')]
    const compiler = join(PROJECT, 'node_modules/.bin/tsc')
    return execFileSync(compiler, [...options, ...types, file], { cwd, encoding: 'utf8' })
  }
  expect(execFileSync(process.execPath, ['main.mts'], { cwd, encoding: 'utf8' })).toBe(
    'one host:\n',
  )
  expect(compile('main.mts')).toBe('')
  expect(() => compile('wrong.mts')).toThrow()
})

test('the hello example of the package runs and leaves nothing', async () => {
  const file = join(installed, 'examples/hello/stack.yaml')
  const on = (...words: readonly string[]) => sandbox.ok(['-f', file, ...words], { cwd: folder })
  await on('up', '-d')
  await until(async () => (await on('logs', 'hello')).stdout, /Hello from/)
  await on('down')
  expect(await sandbox.leaks()).toBe('')
})

/** npm before 12 prints an array; later ones an object by name. */
function onlyPackage(output: readonly Packed[] | Readonly<Record<string, Packed>>): Packed {
  const [first] = Object.values(output) as readonly Packed[]
  if (!first) throw new Error('npm pack printed no package')
  return first
}
