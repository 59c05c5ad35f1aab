/** The house rules that no linter knows: sizes, doors, one-way imports, documents that are true. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sourceFiles, type SourceFile } from './support/sources.ts'

const PROJECT = resolve(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(PROJECT, path), 'utf8')

const product = sourceFiles('src')
const everything = ['src', 'test', 'scripts', 'bench', 'bin', 'examples'].flatMap((directory) =>
  sourceFiles(directory),
)

/** `path:line`, and what is wrong there, of every line that `check` objects to. */
const lines = (files: readonly SourceFile[], check: (line: string) => boolean): readonly string[] =>
  files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (check(line) ? [`${path}:${index + 1}`] : [])),
  )

describe('size', () => {
  test('no file has more than 400 lines', () => {
    const long = everything.filter((file) => file.text.trimEnd().split('\n').length > 400)
    expect(long.map((file) => file.path)).toEqual([])
  })

  test('no line has more than 100 columns', () => {
    expect(lines(everything, (line) => line.length > 100 && isBreakable(line))).toEqual([])
  })

  test('lint holds functions to 70 lines and 4 parameters, and no file escapes it', () => {
    const rules = JSON.parse(read('.oxlintrc.json')).rules
    expect(rules['max-lines-per-function'][1].max).toBeLessThanOrEqual(70)
    expect(rules['max-params'][1]).toBeLessThanOrEqual(4)
    const escape = /(?:oxlint|eslint)-disable(?!.* -- .{10})/
    expect(
      lines(everything, (line) => escape.test(line) && !line.includes('const escape')),
    ).toEqual([])
  })
})

describe('reading', () => {
  test('every source file opens with one sentence that says what it is for', () => {
    const opening = /^(?:#!.*\n)?(?:\/\*\*(?:\s|\*)*[^\s*][^]*?[.:!](?:\s|\*)*\*\/|\/\/ .*)/
    const mute = everything
      .filter((file) => !/^test\/.*\.test\.ts$/.test(file.path)) // Its test names say it.
      .filter((file) => !opening.test(file.text))
    expect(mute.map((file) => file.path)).toEqual([])
  })

  test('nothing is left for later in a comment', () => {
    const later = /\b(?:TO[D]O|FIX[M]E|X{3}|HAC[K])\b/
    expect(lines(everything, (line) => later.test(line))).toEqual([])
  })

  test('every bound in limits.ts says why it is what it is', () => {
    const text = read('src/limits.ts')
    const bounds = [...text.matchAll(/^export const (\w+)/gm)].map(([, name]) => name)
    // A docstring, or the bound above it that shares its docstring: …_MIN and …_MAX.
    const explained = [...text.matchAll(/(?<=\*\/\n|\d\n|[)\]]\n)export const (\w+)/g)].map(
      ([, name]) => name,
    )
    expect(explained).toEqual(bounds)
  })
})

/** A long address, pattern or string that stands alone on its line stays whole. */
function isBreakable(line: string): boolean {
  const alone = /^\s*(?:test\()?(['`]).*\1,?(?: (?:async )?\(\) => \{)?$/
  return !/https?:\/\/\S{40}|^\s*\/.*\/[a-z]*,?$|\/\S{60,}\//.test(line) && !alone.test(line)
}

interface Row {
  readonly room: string
  readonly rooms: readonly string[]
  readonly packages: readonly string[]
}

const section = /^## Rooms$([^]*?)^## /m.exec(read('ARCHITECTURE.md'))?.[1] ?? ''
const table: readonly Row[] = [...section.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)].map(
  ([, room = '', rest = '']) => {
    const [, rooms = '', packages = ''] = rest.split('|').map((cell) => cell.trim())
    return { room, rooms: names(rooms), packages: names(packages) }
  },
)

describe('rooms', () => {
  const rooms = globSync('src/*/', { cwd: PROJECT }).map((path) => path.split('/')[1] ?? '')

  test('the table of ARCHITECTURE.md has a row for each folder of src, and no other', () => {
    expect(table.map((row) => row.room).toSorted()).toEqual(rooms.toSorted())
  })

  test('every room that another one enters has a front door', () => {
    const entered = rooms.filter((room) => table.some((row) => row.rooms.includes(room)))
    expect(entered.filter((room) => !existsSync(join(PROJECT, 'src', room, 'index.ts')))).toEqual(
      [],
    )
  })

  test('no row names a later one, so that imports run one way', () => {
    const seen: string[] = []
    for (const row of table) {
      expect(seen).toEqual(expect.arrayContaining([...row.rooms]))
      seen.push(row.room)
    }
  })

  test.each(table)('$room imports exactly the rooms and packages of its row', (row) => {
    const imports = product
      .filter((file) => file.path.startsWith(`src/${row.room}/`))
      .flatMap((file) => importsOf(file))
    const foreign = imports.filter((path) => path.startsWith('src/') && !inRoom(path, row.room))
    const doors = foreign.filter((path) => !/^src\/(?:errors|limits)\.ts$/.test(path))
    expect(doors.filter((path) => !/^src\/\w+\/index\.ts$/.test(path))).toEqual([])
    expect(unique(doors.map((path) => path.split('/')[1] ?? ''))).toEqual(row.rooms.toSorted())
    expect(
      unique(
        imports
          .filter((name) => /^[a-z@]/.test(name) && !/^(?:src\/|node:)/.test(name))
          .map(packageOf),
      ),
    ).toEqual(row.packages.toSorted())
  })

  test('errors.ts and limits.ts import nothing', () => {
    const open = product.filter((file) => /^src\/(?:errors|limits)\.ts$/.test(file.path))
    expect(open.flatMap((file) => importsOf(file))).toEqual([])
  })
})

describe('documents', () => {
  test('decisions are numbered from 0001 without gaps, and each has its parts', () => {
    const pages = globSync('docs/decisions/[0-9]*.md', { cwd: PROJECT }).toSorted()
    expect(pages.length).toBeGreaterThan(0)
    pages.forEach((path, index) => {
      expect(path).toContain(`/${String(index + 1).padStart(4, '0')}-`)
      const parts = ['Date:', '## Context', '## Options', '## Decision', '## Consequences']
      const missing = parts.filter(
        (part) => !read(path).includes(`${part}${part === 'Date:' ? ' ' : '\n'}`),
      )
      expect(missing, path).toEqual([])
    })
  })

  test('each dependency has its reason, and its room, in docs/decisions', () => {
    const { dependencies } = JSON.parse(read('package.json'))
    const page = read('docs/decisions/0001-dependencies.md')
    const rows = [...page.matchAll(/^\| (\S+) \|.*\| (?:`(\w+)`|not used yet) \|$/gm)]
    const owned = table.flatMap((row) => row.packages.map((name) => `${name} in ${row.room}`))
    const stated = rows.filter(([, , room]) => room).map(([, name, room]) => `${name} in ${room}`)
    expect(stated.toSorted()).toEqual(owned.toSorted())
    expect(new Set(rows.map(([, name]) => name))).toEqual(new Set(Object.keys(dependencies)))
  })

  test('every file that a page of ours links to exists', () => {
    const pages = globSync('{*.md,docs/**/*.md,examples/**/*.md,bench/**/*.md}', { cwd: PROJECT })
    const dead = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map(([, target = '']) => join(dirname(page), target))
        .filter((target) => !existsSync(join(PROJECT, target)))
        .map((target) => `${page} → ${target}`),
    )
    expect(dead).toEqual([])
  })

  test('paths that ARCHITECTURE.md and README.md name in code exist', () => {
    const named = ['ARCHITECTURE.md', 'README.md'].flatMap((page) =>
      [...read(page).matchAll(/`((?:src|docs|test|examples|bench|scripts)\/[\w./-]*)`/g)].map(
        ([, path = '']) => path,
      ),
    )
    expect(named.filter((path) => !existsSync(join(PROJECT, path)))).toEqual([])
  })

  test('the map of the engine in ARCHITECTURE.md names files that are there', () => {
    const map = /^## Inside the engine$([^]*?)^## /m.exec(read('ARCHITECTURE.md'))?.[1] ?? ''
    const cells = [...map.matchAll(/^\| (`.*?`) \|/gm)].map(([, cell = '']) => cell)
    const named = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, path]) => path))
    const files = named.filter((path) => path !== 'src/engine/')
    expect(files.length).toBeGreaterThan(10)
    expect(files.filter((path) => !existsSync(join(PROJECT, 'src/engine', path ?? '')))).toEqual([])
  })

  test('a service key that the README calls supported is built', () => {
    const table = /^## What is supported$([^]*?)^## /m.exec(read('README.md'))?.[1] ?? ''
    const named = new Set([...table.matchAll(/`([a-z_.]+)[`:]/g)].map(([, key = '']) => key))
    const page = read('docs/compose-support.md')
    const rows = [...page.matchAll(/^\| `services\.\*\.([\w.]+)` \| (\w+) \|/gm)]
    const known = rows.filter(([, key = '']) => named.has(key))
    expect(known.length).toBeGreaterThan(40)
    expect(
      known
        .filter(([, , status]) => !['built', 'partly'].includes(status ?? ''))
        .map(([, key]) => key),
    ).toEqual([])
  })

  test('the scenarios of Docker Compose are 95 or more, and name tests that are there', () => {
    const page = read('docs/compose-scenarios.md')
    const rows = [...page.matchAll(/^\| .* \| (shown|built|differs|not yet) \| ?(.*?) ?\|$/gm)]
    const named = rows.flatMap(([, state, where = '']) =>
      state === 'shown' ? [...where.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path) : [],
    )
    expect(rows.length).toBeGreaterThanOrEqual(95)
    expect(named.length).toBeGreaterThanOrEqual(
      rows.filter(([, state]) => state === 'shown').length,
    )
    expect(named.filter((path) => !existsSync(join(PROJECT, 'test', path)))).toEqual([])
  })

  test('ARCHITECTURE.md stays one page', () => {
    expect(read('ARCHITECTURE.md').split('\n').length).toBeLessThanOrEqual(100)
  })

  test('.ci/run calls exactly the test command of the README', () => {
    const command = /^ {4}(npm ci && npm test)$/m.exec(read('README.md'))?.[1]
    expect(command).toBeDefined()
    expect(read('.ci/run')).toContain(command)
  })

  test('an npm command that a page names exists', () => {
    const scripts = Object.keys(JSON.parse(read('package.json')).scripts)
    const pages = globSync('{*.md,docs/**/*.md,bench/**/*.md}', { cwd: PROJECT })
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name),
    )
    expect(named.filter((name) => !scripts.includes(name))).toEqual([])
  })
})

/** Modules that a file imports or re-exports: paths from the project's directory, package names. */
function importsOf(file: SourceFile): readonly string[] {
  const code = file.text.replaceAll(/\/\*[^]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '')
  const found = [...code.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)'([^']+)'/g)]
  return found.map(([, name = '']) =>
    name.startsWith('.') ? join(dirname(file.path), name) : name,
  )
}

const inRoom = (path: string, room: string): boolean => path.startsWith(`src/${room}/`)

function names(cell: string): readonly string[] {
  return cell === '–' || cell === '' ? [] : cell.split(',').map((name) => name.trim())
}

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/')
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)].toSorted()
}
