/**
 * Holds every case of a corpus folder against Docker Compose's recorded answers: TSSTACK_CORPUS
 * names the folder, and TSSTACK_CORPUS_CASE a part of the cases' names. The corpus itself is not
 * part of this repository.
 */
import { readdirSync, readFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SpecError } from '../../src/errors.ts'
import {
  type ConfigOptions,
  type Loader,
  renderConfig,
  renderDiagnostics,
} from '../../src/spec/index.ts'
import { diskLoader } from './disk-loader.ts'

interface Case {
  readonly name: string
  readonly args: {
    readonly files?: string[]
    readonly profiles?: string[]
    readonly env_files?: string[]
    readonly project?: string
  }
  readonly env?: Record<string, string>
  readonly exit?: number
  readonly mentions?: string[]
  readonly line?: number
  readonly judge?: string
}

/** Lists without order, by the last key. */
const UNORDERED = new Set(
  `ports volumes expose cap_add cap_drop security_opt devices device_cgroup_rules links
   external_links secrets configs profiles group_add aliases extra_hosts tags platforms
   capabilities constraints link_local_ips volumes_from entitlements
   tmpfs dns_opt no_cache_filter device_ids ssh models`.split(/\s+/),
)

const VARIANTS: readonly { name: string; options: ConfigOptions; all?: boolean }[] = [
  { name: 'json', options: { format: 'json' } },
  { name: 'no-interpolate', options: { format: 'json', noInterpolate: true } },
  { name: 'profiles', options: { format: 'json' }, all: true },
  { name: 'services', options: { list: 'services' } },
  { name: 'volumes', options: { list: 'volumes' } },
  { name: 'networks', options: { list: 'networks' } },
  { name: 'images', options: { list: 'images' } },
  { name: 'profile-names', options: { list: 'profiles' } },
]

function normal(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => normal(item))
    return UNORDERED.has(key)
      ? items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
      : items
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, child]) => [name, normal(child, name)]),
  )
}

function difference(want: unknown, got: unknown, path = '$'): string | undefined {
  const same = JSON.stringify(want) === JSON.stringify(got)
  if (same) return undefined
  const nested =
    typeof want === 'object' && typeof got === 'object' && want !== null && got !== null
  if (!nested || Array.isArray(want) !== Array.isArray(got)) {
    const [wanted, seen] = [want, got].map((value) => JSON.stringify(value)?.slice(0, 200))
    return `${path}: expected ${wanted}, got ${seen}`
  }
  const left = want as Record<string, unknown>
  const right = got as Record<string, unknown>
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const found = difference(left[key], right[key], `${path}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}

function loaderOf(folder: string): Loader {
  const real = (path: string): string =>
    path === '/project' || path.startsWith('/project/')
      ? join(folder, 'project', path.slice('/project'.length))
      : path
  return {
    readFile: (path) => diskLoader.readFile(real(path)),
    kindOf: (path) => (path === '/' ? 'directory' : diskLoader.kindOf(real(path))),
  }
}

function judgeError(test: Case, error: SpecError): string | undefined {
  const errors = error.diagnostics.filter(({ severity }) => severity === 'error')
  const text = renderDiagnostics(errors, error.sources)
  const lines = text.trimEnd().split('\n')
  if (lines.length > 12) return `message has ${lines.length} lines: ${lines[0]}`
  if ((test.mentions ?? []).some((word) => text.toLowerCase().includes(word.toLowerCase())))
    return undefined
  for (const match of text.matchAll(/(?:\bline |:)(\d+)\b/g)) {
    if (test.line !== undefined && Math.abs(Number(match[1]) - test.line) <= 1) return undefined
  }
  return test.mentions === undefined && test.line === undefined
    ? undefined
    : `names neither ${JSON.stringify(test.mentions)} nor line ${test.line}: ${lines[0]}`
}

interface Question {
  readonly folder: string
  readonly test: Case
  readonly variant: (typeof VARIANTS)[number]
}

/** What is wrong; undefined: nothing, or the variant was not recorded. */
function check({ folder, test, variant }: Question): string | undefined {
  const rejected = (test.exit ?? 0) !== 0
  const file = join(folder, answerFile(variant))
  if (rejected ? variant.name !== 'json' : !existsSync(file)) return undefined
  try {
    const output = answer({ folder, test, variant })
    if (rejected) return 'accepted; expected a rejection'
    const want: unknown = JSON.parse(readFileSync(file, 'utf8'))
    const { list } = variant.options
    if (list === undefined) return difference(normal(want), normal(JSON.parse(output)))
    const names = (want as Record<string, string[]>)[list] ?? []
    return difference([...names].sort(), output.split('\n').filter(Boolean).sort())
  } catch (error) {
    if (!(error instanceof SpecError)) return `crash: ${(error as Error).stack}`
    return rejected ? judgeError(test, error) : `refused: ${error.diagnostics[0]?.message ?? ''}`
  }
}

function answerFile({ name, options }: Question['variant']): string {
  if (options.list !== undefined) return 'expected.lists.json'
  return name === 'json' ? 'expected.json' : `expected.${name}.json`
}

function answer({ folder, test, variant }: Question): string {
  const { args } = test
  const surroundings = { PATH: '/usr/bin', HOME: '/home/user', PWD: '/project', LANG: 'C.UTF-8' }
  const request = {
    cwd: '/project',
    env: { ...surroundings, ...test.env },
    loader: loaderOf(folder),
    files: args.files,
    projectName: args.project,
    envFiles: args.env_files,
    profiles: [...(args.profiles ?? []), ...(variant.all === true ? ['*'] : [])],
  }
  return renderConfig(request, variant.options).output
}

/**
 * Cases where Docker Compose is wrong: it fails to print the SSH keys of a build, although it takes
 * them (its JSON writer puts two values beside each other). Here they are printed.
 */
const EXCEPTIONS = new Set([
  'cg-loadsshwithkeyvalueinbuildconfig',
  'cg-loadsshwithkeysvaluesinbuildconfig',
])

const corpus = process.env['TSSTACK_CORPUS'] ?? ''
const part = process.env['TSSTACK_CORPUS_CASE'] ?? ''

function cases(): readonly Case[] {
  if (corpus === '') return []
  return readdirSync(corpus)
    .filter((name) => name.includes(part) && existsSync(join(corpus, name, 'case.json')))
    .map((name) => JSON.parse(readFileSync(join(corpus, name, 'case.json'), 'utf8')) as Case)
    .filter(({ name, judge }) => judge !== 'info' && !EXCEPTIONS.has(name))
}

describe('renderConfig() and Docker Compose', () => {
  test.skipIf(corpus === '')(
    'agree on every case (needs TSSTACK_CORPUS, the corpus folder)',
    () => {
      const wrong = cases().flatMap((test) =>
        VARIANTS.flatMap((variant) => {
          const problem = check({ folder: join(corpus, test.name), test, variant })
          return problem === undefined ? [] : [`${test.name} ${variant.name}: ${problem}`]
        }),
      )
      expect(wrong).toEqual([])
    },
    120_000,
  )
})
