import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Diagnostic } from '../../src/errors.ts'
import { parse } from 'yaml'
import { SpecError } from '../../src/errors.ts'
import {
  type ConfigOptions,
  diagnosticsJson,
  diagnosticsSarif,
  explainValue,
  jsonSchema,
  renderConfig,
  renderDiagnostics,
} from '../../src/spec/index.ts'
import { errors, type Files, load, request } from './stack.ts'

const STACK: Files = {
  'compose.yaml':
    'services:\n  web:\n    image: nginx:${TAG:-1}\n    command: echo $$HOME\n    networks: [front]\n    volumes: ["data:/d"]\n    profiles: [p]\n  db:\n    build: .\nnetworks: {front: , unused: }\nvolumes: {data: }\n',
}

function config(options: ConfigOptions, files: Files = STACK): string {
  return renderConfig(request(files, { profiles: ['*'] }), options).output
}

/** What is shown of so many services without an image. */
function linesOfErrors(count: number): readonly string[] {
  const services = Array.from({ length: count }, (_, i) => `  s${i}: {user: "1"}\n`)
  const found = errors(`services:\n${services.join('')}`)
  return renderDiagnostics(found, new Map()).trimEnd().split('\n')
}

function configOfBind(createHostPath: boolean): string {
  const mount = `{type: bind, source: /b, target: /x, bind: {create_host_path: ${createHostPath}}}`
  return config({}, { 'compose.yaml': `services: {a: {image: x, volumes: [${mount}]}}` })
}

function lines(text: string): readonly string[] {
  return text.split('\n').toSorted()
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function hash(service: string): string {
  const files = { 'compose.yaml': `services: {a: ${service}}` }
  return config({ hash: { names: ['*'], digest } }, files)
}

describe('renderConfig()', () => {
  test.each([
    ['services', 'web\ndb\n'],
    ['networks', 'default\nfront\n'],
    ['volumes', 'data\n'],
    ['images', 'project-db\nnginx:1\n'],
    ['profiles', 'p\n'],
    ['environment', 'COMPOSE_PROJECT_NAME=project\nHOME=/home/user\n'],
  ] as const)('lists %s', (list, output) => {
    expect(lines(config({ list }))).toEqual(lines(output))
  })

  test('prints a table of variables', () => {
    const files = { 'compose.yaml': 'services: {a: {image: "$A ${B:-b} ${C:?c} ${D+d}"}}' }
    expect(
      config({ list: 'variables' }, files)
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ['NAME', 'REQUIRED', 'DEFAULT VALUE', 'ALTERNATE VALUE'],
      ['A', 'false'],
      ['B', 'false', 'b'],
      ['C', 'true'],
      ['D', 'false', 'd'],
      [''],
    ])
  })

  test('escapes dollars, so that its output can be loaded again', () => {
    const yaml = config({ format: 'yaml' })
    expect(yaml).toContain('$$HOME')
    const again = renderConfig(request({ 'compose.yaml': yaml }, { profiles: ['*'] }), {
      format: 'yaml',
    })
    expect(again.output).toBe(yaml)
    expect(parse(config({ format: 'json' }))).toEqual(parse(yaml))
  })

  test('leaves variables alone without interpolation', () => {
    const model = parse(config({ noInterpolate: true })) as Record<string, Record<string, unknown>>
    expect(model['services']?.['web']).toMatchObject({
      image: 'nginx:${TAG:-1}',
      command: 'echo $$HOME',
    })
  })

  test('leaves out the phases that it is told to', () => {
    const files = { 'compose.yaml': 'services: {a: {build: ./b, volumes: ["./c:/d"]}}' }
    const model = parse(config({ noPathResolution: true, noNormalize: true }, files)) as {
      services: { a: object }
    }
    expect(model.services.a).toMatchObject({
      build: { context: './b' },
      volumes: [{ source: './c' }],
    })
    expect(model.services.a).not.toHaveProperty('networks')
    expect(() =>
      config({ noConsistency: true }, { 'compose.yaml': 'services: {a: {user: x}}' }),
    ).not.toThrow()
  })

  test('leaves create_host_path: false out, as Docker Compose does', () => {
    const [without, having] = [false, true].map(configOfBind)
    expect(without).toContain('bind: {}')
    expect(having).toContain('create_host_path: true')
  })

  test('hashes what makes a container, not how many there are', () => {
    const one = hash('{image: x, scale: 1}')
    expect(one).toMatch(/^a [0-9a-f]{64}\n$/)
    expect(hash('{image: x, scale: 2}')).toBe(one)
    expect(hash('{image: y, scale: 1}')).not.toBe(one)
  })
})

describe('renderDiagnostics()', () => {
  const text = 'services:\n  web:\n    imge: x\n'

  test('shows the message, the line, a caret and what was meant', () => {
    const shown = renderDiagnostics(errors(text), new Map([['compose.yaml', text]]))
    expect(shown).toContain('compose.yaml:3:5: error: Cannot use the key "imge" in services.web')
    expect(shown).toContain('  3 |     imge: x\n    |     ^^^^ did you mean "image"?\n')
  })

  test('shows eleven messages, and of more than eleven the first of each rule', () => {
    for (const [i, line] of linesOfErrors(11).entries()) {
      expect(line).toMatch(RegExp(`^compose.yaml:${i + 2}:3: error: .*"s${i}"`))
    }
    expect(linesOfErrors(12)).toEqual([
      expect.stringContaining('compose.yaml:2:3'),
      expect.stringContaining('11 more like this, at 3:3, 4:3'),
    ])
  })

  test('shows one of a rule in its line, and further ones in one line each', () => {
    const keys = ['comand', 'servics', 'volums', 'network', 'netwerks', 'secrts', 'modls', 'verson']
    const many = `${keys.map((key) => `${key}: 1\n`).join('')}services: {a: {imge: x}}\n`
    const shown = renderDiagnostics(errors(many), new Map([['compose.yaml', many]])).split('\n')
    expect(shown.slice(1, 5)).toEqual([
      '  1 | comand: 1',
      expect.stringContaining('    | ^^^^^^'),
      expect.stringMatching(/^compose.yaml:2:1: error: .*"servics".*; did you mean "services"\?$/),
      expect.stringMatching(/^compose.yaml:3:1: error: .*"volums".*; did you mean "volumes"\?$/),
    ])
  })

  test('shows warnings beside errors in the lines that are left, or how many there are', () => {
    expect(linesOf(2, 3).filter((line) => line.includes('warning: m'))).toHaveLength(3)
    expect(linesOf(9, 5)).toHaveLength(10)
    expect(linesOf(9, 5).at(-1)).toMatch(/^warning: 5 warnings are not shown beside the errors/)
    for (const errorCount of [1, 3, 4, 9]) expect(linesOf(errorCount, 7).length).toBeLessThan(12)
  })

  test('shows what says the same once, with all its places', () => {
    const same = ['same', 'other', 'same'].map((message, index) => {
      const place = { file: 'f', line: index + 1, column: 1 }
      return { severity: 'error', rule: 'r', message, ...place } as const
    })
    const shown = renderDiagnostics(same, new Map())
    expect(shown).toBe(
      'f:1:1: error: same\n  … and 1 more like this, at 3:1\nf:2:1: error: other\n',
    )
  })

  test('lets no control character of the file through', () => {
    const shown = renderDiagnostics(
      [{ severity: 'error', rule: 'x', message: 'm', file: 'f', line: 1, column: 1 }],
      new Map([['f', 'a\u001b[2J\tb']]),
    )
    expect(/\p{Cc}/u.test(shown.replaceAll('\n', ''))).toBe(false)
  })

  test('colours when asked to', () => {
    expect(renderDiagnostics(errors(text), new Map(), { color: true })).toContain(
      '\u001b[1;31merror',
    )
  })
})

describe('SpecError', () => {
  test('brings the sources along for excerpts', () => {
    try {
      load('services: {a: {imge: x}}')
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(SpecError)
      expect([...(error as SpecError).sources.keys()]).toEqual(['compose.yaml'])
    }
  })
})

describe('diagnostics for machines', () => {
  const found = errors('services:\n  web:\n    imge: x\n')

  test('diagnosticsJson() has every field', () => {
    expect(JSON.parse(diagnosticsJson(found))).toMatchObject({
      diagnostics: [
        {
          severity: 'error',
          rule: 'unknown-key',
          file: 'compose.yaml',
          line: 3,
          column: 5,
          length: 4,
        },
      ],
    })
  })

  test('diagnosticsSarif() writes the paths of files as URIs', () => {
    const odd = errors(
      { '/a b/#1.yaml': 'x: 1\n', 'c%.yaml': 'y: 1\n' },
      { files: ['/a b/#1.yaml', 'c%.yaml'] },
    )
    const log = diagnosticsSarif(odd, '1')
    expect(log).toContain('"uri": "file:///a%20b/%231.yaml"')
    expect(log).toContain('"uri": "c%25.yaml"')
  })

  test('diagnosticsSarif() gives what is about no place the first line of a file', () => {
    const nowhere = { severity: 'error', rule: 'no-file', message: 'Cannot find one' } as const
    for (const [list, file] of [
      [[nowhere], 'compose.yaml'],
      [[nowhere, { ...nowhere, file: 'b.yaml' }], 'b.yaml'],
    ] as const) {
      const [result] = JSON.parse(diagnosticsSarif(list, '1')).runs[0].results
      const place = { artifactLocation: { uri: file }, region: { startLine: 1 } }
      expect(result.locations).toEqual([{ physicalLocation: place }])
    }
  })

  test('diagnosticsSarif() has rules and regions', () => {
    const log = JSON.parse(diagnosticsSarif(found, '1.2.3')) as {
      runs: [{ tool: object; results: object[] }]
    }
    expect(log.runs[0].tool).toEqual({
      driver: {
        name: 'tsstack',
        version: '1.2.3',
        rules: [{ id: 'unknown-key' }],
      },
    })
    expect(log.runs[0].results[0]).toMatchObject({
      ruleId: 'unknown-key',
      level: 'error',
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'compose.yaml' },
            region: { startLine: 3, startColumn: 5, endColumn: 9 },
          },
        },
      ],
    })
  })
})

describe('explainValue()', () => {
  const files: Files = {
    'compose.yaml':
      'services:\n  base: {image: "x:${TAG}", user: "1"}\n  web:\n    extends: base\n    user: "2"\n    annotations: {a: b}\n',
    'over.yaml': 'services:\n  web:\n    user: "3"\n',
    '.env': 'TAG=v9',
  }
  const explain = (path: string): ReturnType<typeof explainValue> =>
    explainValue(request(files, { files: ['compose.yaml', 'over.yaml'] }), path)

  test('follows a value through extends and override files', () => {
    expect(explain('services.web.user')).toMatchObject({
      value: '3',
      origins: [
        { file: 'over.yaml', line: 3, value: '3' },
        { file: 'compose.yaml', line: 5, value: '2' },
        { file: 'compose.yaml', line: 2, value: '1' },
      ],
      meaning: expect.stringContaining('User'),
    })
  })

  test('shows the variables that a value was made of, and why a key has no effect', () => {
    expect(explain('services.web.image')).toMatchObject({
      value: 'x:v9',
      origins: [{ template: 'x:${TAG}', line: 2 }],
    })
    expect(explain('services.web.annotations')).toMatchObject({ noEffect: expect.any(String) })
  })

  test('says what was meant when there is nothing at the path', () => {
    expect(explain('services.web.usr')).toEqual({
      missing: 'services.web.usr',
      hint: 'did you mean "user"?',
    })
  })
})

describe('jsonSchema()', () => {
  test('knows the keys and allows x- keys beside them', () => {
    const schema = JSON.parse(JSON.stringify(jsonSchema())) as {
      properties: object
      patternProperties: object
      additionalProperties: boolean
    }
    expect(Object.keys(schema.properties)).toEqual(
      expect.arrayContaining(['services', 'networks', 'volumes', 'include']),
    )
    expect(schema).toMatchObject({ additionalProperties: false, patternProperties: { '^x-': {} } })
    expect(JSON.stringify(schema)).toContain('healthcheck')
  })
})

/** So many errors, then so many warnings, each with a message and a rule of its own. */
function linesOf(errorCount: number, warningCount: number): readonly string[] {
  const all = [...several('error', errorCount), ...several('warning', warningCount)]
  return renderDiagnostics(all, new Map([['f', 'x\n'.repeat(99)]]))
    .trimEnd()
    .split('\n')
}

function several(severity: 'error' | 'warning', length: number): readonly Diagnostic[] {
  return Array.from({ length }, (_, at) => {
    const place = { file: 'f', line: at + 1, column: 1 }
    return { severity, rule: `${severity}${at}`, message: `m${at}`, ...place }
  })
}
