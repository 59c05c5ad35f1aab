import { describe, expect, test } from 'vitest'
import { errors, type Files, load, problems } from './stack.ts'

describe('extends', () => {
  test('takes over a service of the file, and of another file with its own folder', () => {
    const files = {
      'compose.yaml':
        'services:\n  a: {image: x, labels: {l: a}}\n  b: {extends: a, labels: {m: b}}\n  c: {extends: {file: sub/base.yaml, service: d}}\n',
      'sub/base.yaml':
        'services:\n  d: {extends: {service: e}, env_file: d.env}\n  e: {image: y, volumes: ["./v:/v"]}\n',
      'sub/d.env': 'A=1\n',
    }
    const { services } = load(files).stack
    expect(services['b']).toMatchObject({ image: 'x', labels: { l: 'a', m: 'b' } })
    expect(services['c']).toMatchObject({ image: 'y', environment: { A: '1' } })
    expect(services['c']?.volumes?.[0]?.source).toBe('/project/sub/v')
  })

  test('resets what the extended service has', () => {
    const { services } = load(
      'services:\n  a: {image: x, user: "1", ports: ["80:80"]}\n  b: {extends: a, user: !reset "", ports: !override ["81:81"]}\n',
    ).stack
    expect(services['b']?.user).toBeUndefined()
    expect(services['b']?.ports?.map(({ published }) => published)).toEqual(['81'])
  })

  test.each([
    ['a: {extends: b}, b: {extends: a}', 'extends-cycle'],
    ['a: {extends: nobody}', 'extends'],
    ['a: {extends: {file: no.yaml, service: x}}', 'file'],
    ['a: {extends: {file: "https://x/y.yaml", service: x}}', 'not-supported'],
    ['a: {extends: {file: x.yaml}}', 'extends'],
  ])('refuses services: {%s}', (services, rule) => {
    expect(errors(`services: {${services}}`).map((error) => error.rule)).toContain(rule)
  })
})

describe('include', () => {
  const files: Files = {
    'compose.yaml':
      'include:\n  - sub/inc.yaml\n  - path: [two/a.yaml, two/b.yaml]\n    env_file: two.env\nservices: {web: {image: x, depends_on: [one, two]}}\n',
    'sub/inc.yaml':
      'services: {one: {image: "i:${V}", volumes: ["./d:/d", "data:/v"]}}\nvolumes: {data: }\n',
    'sub/.env': 'V=sub\n',
    'two/a.yaml': 'services: {two: {image: "t:${V}"}}\n',
    'two/b.yaml': 'services: {two: {user: "7"}}\n',
    'two.env': 'V=two\n',
  }

  test('loads each project with its own folder and variables', () => {
    const { stack } = load(files)
    expect(stack.services['one']).toMatchObject({ image: 'i:sub' })
    expect(stack.services['one']?.volumes?.[0]?.source).toBe('/project/sub/d')
    expect(stack.services['two']).toMatchObject({ image: 't:two', user: '7' })
    expect(stack.volumes).toEqual({ data: { name: 'project_data' } })
  })

  test('lets the variables of the including project win', () => {
    expect(load(files, { env: { V: 'caller' } }).stack.services['one']?.image).toBe('i:caller')
  })

  test('refuses another definition of the same resource, a cycle, and what is not there', () => {
    const conflict = {
      ...files,
      'compose.yaml': 'include: [sub/inc.yaml]\nservices: {one: {image: other}}\n',
    }
    expect(problems(conflict)).toEqual(['include-conflict compose.yaml:2:12'])
    const cycle = { 'compose.yaml': 'include: [b.yaml]\n', 'b.yaml': 'include: [compose.yaml]\n' }
    expect(errors(cycle).map(({ rule }) => rule)).toContain('include-cycle')
    expect(problems('include: [no.yaml]\nservices: {}\n')).toEqual(['file compose.yaml:1:11'])
    expect(problems('include: ["oci://x/y"]\nservices: {}\n')).toEqual([
      'not-supported compose.yaml:1:11',
    ])
  })

  test('takes an included file that is also given with -f', () => {
    const both = {
      'a.yaml': 'services: {a: {image: x}}',
      'b.yaml': 'include: [a.yaml]\nservices: {b: {image: y}}',
    }
    expect(Object.keys(load(both, { files: ['a.yaml', 'b.yaml'] }).stack.services)).toEqual([
      'a',
      'b',
    ])
  })
})

describe('profiles', () => {
  const stack =
    'services:\n  a: {image: x}\n  b: {image: x, profiles: [dev]}\n  c: {image: x, profiles: [test], networks: [n]}\nnetworks: {n: }\n'

  test.each([
    [{}, ['a']],
    [{ profiles: ['dev'] }, ['a', 'b']],
    [{ profiles: ['*'] }, ['a', 'b', 'c']],
    [{ env: { COMPOSE_PROFILES: 'dev, test' } }, ['a', 'b', 'c']],
    [{ services: ['c'] }, ['a', 'c']],
  ])('%j activates the right services', (more, names) => {
    expect(Object.keys(load(stack, more).stack.services)).toEqual(names)
  })

  test('leaves out what only inactive services use, and lists all profiles', () => {
    const { stack: loaded, profiles, inactiveServices } = load(stack)
    expect(Object.keys(loaded.networks ?? {})).toEqual(['default'])
    expect(profiles).toEqual(['dev', 'test'])
    expect(inactiveServices).toEqual(['b', 'c'])
    expect(load(stack, { profiles: ['*'] }).inactiveServices).toEqual([])
  })

  test('names the profile that a dependency needs', () => {
    const [error] = errors(
      'services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, profiles: [dev]}\n',
    )
    expect(error).toMatchObject({ rule: 'dependency-disabled', line: 2 })
    expect(error?.message).toContain('"dev"')
  })
})

describe('finding the files', () => {
  const one = 'services: {a: {image: x}}'

  test.each([
    [['stack.yaml', 'docker-compose.yaml'], 'docker-compose.yaml'],
    [['stack.yml', 'stack.yaml'], 'stack.yaml'],
    [['stack.yml'], 'stack.yml'],
  ])('of %j it takes %s: names of Compose come first', (names, taken) => {
    const files = Object.fromEntries(names.map((name) => [`/project/${name}`, one]))
    expect(load(files).files).toEqual([`/project/${taken}`])
  })

  test('looks upwards for compose.yaml, and takes the override file beside it', () => {
    const files = {
      '/project/compose.yaml': one,
      '/project/compose.override.yaml': 'services: {a: {user: "1"}}',
      '/project/docker-compose.yml': one,
    }
    const loaded = load(files, { cwd: '/project/deep/down' })
    expect(loaded.files).toEqual(['/project/compose.yaml', '/project/compose.override.yaml'])
    expect(loaded.projectDirectory).toBe('/project')
    expect(loaded.stack.services['a']?.user).toBe('1')
  })

  test('takes COMPOSE_FILE from .env', () => {
    const files = {
      '.env': 'COMPOSE_FILE=x.yaml:y.yaml\nCOMPOSE_PROJECT_NAME=from-env',
      'x.yaml': one,
      'y.yaml': 'services: {a: {user: "2"}}',
    }
    const { stack } = load(files)
    expect(stack).toMatchObject({ name: 'from-env', services: { a: { user: '2' } } })
  })

  test('reads standard input as "-", in the working directory', () => {
    const loader = {
      readFile: () => new TextEncoder().encode('services: {a: {image: x, volumes: ["./d:/d"]}}'),
      kindOf: () => 'absent' as const,
    }
    const loaded = load({}, { loader, files: ['-'] })
    expect(loaded.stack).toMatchObject({
      name: 'project',
      services: { a: { volumes: [{ source: '/project/d' }] } },
    })
  })

  test('says so when there is none', () => {
    expect(errors({})[0]?.message).toContain('no configuration file')
    expect(problems({ 'x.yaml': one }, { files: ['nope.yaml'] })).toEqual(['file nope.yaml::'])
  })
})

describe('project names', () => {
  const named = 'name: in-file\nservices: {a: {image: x}}'

  test.each([
    [{ projectName: 'by-option', env: { COMPOSE_PROJECT_NAME: 'by-env' } }, 'by-option'],
    [{ env: { COMPOSE_PROJECT_NAME: 'by-env' } }, 'by-env'],
    [{}, 'in-file'],
  ])('%j', (more, name) => {
    expect(load(named, more).stack.name).toBe(name)
  })

  test('come from the folder at last, without what no name may have', () => {
    const files = { '/srv/_My App.2/compose.yaml': 'services: {a: {image: x}}' }
    expect(load(files, { cwd: '/srv/_My App.2' }).stack.name).toBe('myapp2')
  })

  test('are refused when they are given wrongly', () => {
    expect(errors(named, { projectName: 'Big' })[0]?.rule).toBe('project-name')
  })
})
