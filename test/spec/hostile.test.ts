import * as fc from '../support/random.ts'
import { describe, expect, test } from 'vitest'
import { SpecError } from '../../src/errors.ts'
import { STACK_FILE_BYTES_MAX } from '../../src/limits.ts'
import { type Loader, loadStack, renderConfig } from '../../src/spec/index.ts'
import { errors, load, memoryLoader, problems, request } from './stack.ts'

function withLoader(loader: Partial<Loader>): readonly string[] {
  const files = memoryLoader({ 'compose.yaml': '' })
  return errors({}, { files: ['compose.yaml'], loader: { ...files, ...loader } }).map(
    ({ message }) => message,
  )
}

function denied(): never {
  throw new Error('permission denied')
}

describe('loadStack() on bad input', () => {
  test.each(['directory', 'other'] as const)('refuses a %s', (kind) => {
    expect(withLoader({ kindOf: () => kind })[0]).toMatch(/it is (?:a directory|no regular file)$/)
  })

  test('says why a file cannot be read', () => {
    expect(withLoader({ readFile: denied })[0]).toContain('permission denied')
  })

  test('refuses bytes that are no UTF-8, and files that are too large', () => {
    expect(withLoader({ readFile: () => Uint8Array.of(0x61, 0xff, 0xfe) })[0]).toContain('UTF-8')
    expect(withLoader({ readFile: () => new Uint8Array(STACK_FILE_BYTES_MAX + 1) })[0]).toContain(
      'at most',
    )
  })

  test('refuses a file with more values than any real one before it is parsed', () => {
    for (const text of ['[],'.repeat(60_000), 'a:\n'.repeat(110_000)]) {
      expect(errors(text).map(({ rule }) => rule)).toEqual(['yaml-size'])
    }
  })

  test('goes no further with a file that has more errors than anybody reads', () => {
    const twice = Array.from({ length: 2200 }, (_, at) => `  a${at >> 1}:\n`).join('')
    const found = errors(`services:\n${twice}`)
    expect(new Set(found.map(({ rule }) => rule))).toEqual(new Set(['duplicate-key']))
  })

  test('refuses an empty file, and one with a comment only', () => {
    expect(problems('')).toEqual(['empty compose.yaml::'])
    expect(problems('# x\n')).toEqual(['empty compose.yaml::'])
  })

  test('refuses nesting that would exhaust the stack', () => {
    for (const text of [
      '['.repeat(50_000),
      '{a: '.repeat(50_000),
      '- '.repeat(50_000),
      '? '.repeat(50_000),
    ]) {
      expect(errors(text).map(({ rule }) => rule)).toEqual(['yaml-depth'])
    }
    const indented = Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:\n`).join('')
    expect(errors(indented).map(({ rule }) => rule)).toEqual(['yaml-depth'])
  })

  test('takes __proto__ and constructor for names like any others', () => {
    const text =
      'services:\n  __proto__: {image: x, environment: {__proto__: a, constructor: b}}\n  constructor: {image: y, depends_on: [__proto__]}\nx-a: {__proto__: {polluted: 1}}\n'
    const { stack } = load(text)
    expect(Object.keys(stack.services).toSorted()).toEqual(['__proto__', 'constructor'])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(renderConfig(request(text), { format: 'json' }).output).toContain('"__proto__"')
  })

  test('does not take inherited properties for resources', () => {
    expect(
      errors(
        'services: {a: {image: x, networks: [toString], secrets: [valueOf], depends_on: [hasOwnProperty]}}',
      )
        .map(({ rule }) => rule)
        .toSorted(),
    ).toEqual(['unknown-network', 'unknown-secret', 'unknown-service'])
  })
})

const word = fc.oneof(
  fc.constantFrom(
    'web',
    'db',
    'image',
    '__proto__',
    '',
    '80',
    '80:80',
    './a:/b',
    '${A:-b}',
    '${',
    '$$',
    '1g',
    '5s',
    'yes',
    'a=b',
    'service:web',
  ),
  fc.string({ maxLength: 6 }),
)
const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    word,
    fc.integer({ min: -5, max: 70_000 }),
    fc.boolean(),
    fc.constant(null),
    fc.double(),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(word, tie('any'), { maxKeys: 3 }),
  ),
})).any
const SERVICE_KEYS =
  `image build command entrypoint environment env_file ports volumes networks depends_on deploy
  healthcheck labels extends profiles tmpfs ulimits logging secrets configs devices dns extra_hosts
  sysctls restart mem_limit cpus scale stop_grace_period network_mode links volumes_from gpus
  develop provider models blkio_config x-a nonsense`.split(/\s+/)
const service = fc.dictionary(fc.constantFrom(...SERVICE_KEYS), value, { maxKeys: 5 })
const stack = fc.record(
  {
    services: fc.oneof(fc.dictionary(word, fc.oneof(service, value), { maxKeys: 3 }), value),
    networks: value,
    volumes: value,
    secrets: value,
    configs: value,
    include: value,
    name: value,
    'x-a': value,
  },
  { requiredKeys: [] },
)

/** Loads and prints; a SpecError is fine, anything else fails the test. */
function attempt(
  files: Readonly<Record<string, string>>,
  names: readonly string[] = Object.keys(files),
): string | undefined {
  try {
    return renderConfig(request(files, { files: names }), { format: 'yaml' }).output
  } catch (error) {
    if (error instanceof SpecError) return undefined
    throw error
  }
}

describe('loadStack() on any input', { timeout: 60_000 }, () => {
  test('answers with a stack or with diagnostics', () => {
    fc.assert(
      fc.property(stack, stack, (a, b) => {
        attempt({ 'a.yaml': JSON.stringify(a), 'b.yaml': JSON.stringify(b) })
        expect(Object.keys(Object.prototype)).toEqual([])
      }),
      { numRuns: 150 },
    )
  })

  test('prints what loads again as the same stack', () => {
    const good = fc.dictionary(
      fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/),
      fc.record(
        {
          image: fc.constantFrom('x', 'a/b:${T:-1}', 'dir:./root'),
          command: fc.oneof(
            fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 6 }), { maxLength: 3 }),
            fc.constantFrom('a "b c"', ''),
          ),
          environment: fc.dictionary(
            fc.stringMatching(/^[A-Z]{1,3}$/),
            fc.oneof(fc.string({ maxLength: 8 }), fc.integer(), fc.boolean(), fc.constant(null)),
          ),
          labels: fc.dictionary(fc.stringMatching(/^[a-z.]{1,5}$/), fc.string({ maxLength: 8 })),
          ports: fc.uniqueArray(
            fc.constantFrom('80', '81:80', '127.0.0.1::82', '90-91:90-91/udp', 7000),
          ),
          volumes: fc.uniqueArray(fc.constantFrom('./a:/a', '/b:/b:ro', '/c', '~/d:/d')),
          mem_limit: fc.constantFrom('1g', '512k', 4096),
          cpus: fc.constantFrom(0.5, '1.25'),
          stop_grace_period: fc.constantFrom('90s', '1h', '100ms'),
          healthcheck: fc.constantFrom(
            { test: 'true', retries: 2 },
            { disable: true },
            { test: ['NONE'] },
          ),
          env_file: fc.constantFrom('a.env', [{ path: 'none.env', required: false }]),
          networks: fc.constantFrom({ back: { aliases: ['b'] } }, ['back']),
          deploy: fc.constantFrom({ replicas: 2 }, { resources: { limits: { pids: 5 } } }),
        },
        { requiredKeys: ['image'] },
      ),
      { minKeys: 1, maxKeys: 3 },
    )
    fc.assert(
      fc.property(good, (services) => {
        const text = JSON.stringify({ services, networks: { back: { internal: true } } })
        const written = text.replaceAll('$', (dollar) => (text.includes('${T') ? dollar : '$$'))
        const once = attempt({ 'a.yaml': written, 'a.env': 'E=1\nA=2\n' }, ['a.yaml'])
        if (once === undefined) return
        expect(attempt({ 'a.yaml': once })).toBe(once)
      }),
      { numRuns: 200 },
    )
  })

  test('gives the same answer twice', () => {
    const text = 'services: {b: {image: x}, a: {image: y, depends_on: [b]}}'
    expect(loadStack(request(text)).stack).toEqual(loadStack(request(text)).stack)
  })
})
