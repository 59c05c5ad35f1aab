import { describe, expect, test } from 'vitest'
import type { Service } from '../../src/spec/index.ts'
import { load, problems } from './stack.ts'

/** `web` of two files, each given as the text of the service. */
function merged(base: string, over: string): Service | undefined {
  const files = {
    'a.yaml': `services:\n  web:\n    image: x\n    ${base}\n`,
    'b.yaml': `services:\n  web:\n    ${over}\n`,
  }
  return load(files, { files: ['a.yaml', 'b.yaml'] }).stack.services['web']
}

describe('several -f', () => {
  test.each([
    ['user: "1"', 'user: "2"', { user: '2' }],
    ['command: [a, b]', 'command: c d', { command: ['c', 'd'] }],
    ['command: [a]', 'command: ', { command: null }],
    ['entrypoint: a', 'entrypoint: []', { entrypoint: [] }],
    [
      'environment: {A: 1, B: 2}',
      'environment: [B=3, C=4]',
      { environment: { A: '1', B: '3', C: '4' } },
    ],
    ['environment: [A=1]', 'environment: {A: }', { environment: { A: null } }],
    ['environment: [A=1, B=2]', 'environment: {A: !reset }', { environment: { B: '2' } }],
    ['labels: [a=1]', 'labels: {a: 2, b: }', { labels: { a: '2', b: '' } }],
    ['cap_add: [A, B]', 'cap_add: [B, C]', { cap_add: ['A', 'B', 'C'] }],
    ['dns: 1.1.1.1', 'dns: [8.8.8.8, 1.1.1.1]', { dns: ['1.1.1.1', '8.8.8.8'] }],
    ['expose: [80]', 'expose: ["80", 81]', { expose: ['80', '81'] }],
    ['tmpfs: /a', 'tmpfs: [/b, /a]', { tmpfs: ['/a', '/b'] }],
    [
      'extra_hosts: [a=1.1.1.1]',
      'extra_hosts: {b: 2.2.2.2}',
      { extra_hosts: ['a=1.1.1.1', 'b=2.2.2.2'] },
    ],
    ['sysctls: {a: 1}', 'sysctls: [a=2]', { sysctls: { a: '2' } }],
    [
      'ulimits: {nofile: 1}',
      'ulimits: {nofile: {soft: 1, hard: 2}}',
      { ulimits: { nofile: { soft: 1, hard: 2 } } },
    ],
    [
      'logging: {driver: local, options: {x: 1}}',
      'logging: {driver: none}',
      { logging: { driver: 'none' } },
    ],
    [
      'logging: {driver: local, options: {x: 1}}',
      'logging: {options: {y: 2}}',
      { logging: { driver: 'local', options: { x: '1', y: '2' } } },
    ],
    [
      'healthcheck: {test: a, retries: 2}',
      'healthcheck: {test: [CMD, b]}',
      { healthcheck: { test: ['CMD', 'b'], retries: 2 } },
    ],
    ['cap_add: [A]', 'cap_add: !override [B]', { cap_add: ['B'] }],
    ['labels: {a: 1}', 'labels: !reset {}', {}],
    ['stop_signal: SIGINT', 'stop_signal: !reset null', {}],
  ])('merges %s with %s', (base, over, expected) => {
    const { image: _image, networks: _networks, ...rest } = merged(base, over) ?? ({} as Service)
    expect(rest).toEqual({ command: null, entrypoint: null, ...expected })
  })

  test('keeps one port of each address, and one mount of each target', () => {
    const service = merged(
      'ports: ["80:80", "81:81"]',
      'ports: ["127.0.0.1:80:80", {target: 81, published: 81}]',
    )
    expect(
      service?.ports?.map(({ host_ip: ip, published }) => `${ip ?? ''}:${published ?? ''}`),
    ).toEqual([':80', ':81', '127.0.0.1:80'])
    const mounts = merged('volumes: ["/a:/x", "/b:/y"]', 'volumes: ["/c:/x:ro"]')?.volumes
    expect(mounts?.map(({ source, target }) => `${source}:${target}`)).toEqual(['/c:/x', '/b:/y'])
  })

  test('merges the list and the mapping form of depends_on and networks', () => {
    const files = {
      'a.yaml':
        'services: {web: {image: x, depends_on: [a], networks: [n]}, a: {image: x}, b: {image: x}}\nnetworks: {n: , m: }\n',
      'b.yaml':
        'services: {web: {depends_on: {b: {condition: service_healthy}}, networks: {m: {aliases: [w]}}}}\n',
    }
    const service = load(files, { files: ['a.yaml', 'b.yaml'] }).stack.services['web']
    expect(Object.keys(service?.depends_on ?? {})).toEqual(['a', 'b'])
    expect(service?.networks).toEqual({ m: { aliases: ['w'] }, n: null })
  })

  test('merges the documents of one file as if they were several', () => {
    const { services } = load(
      'services: {web: {image: x}}\n---\nservices: {web: {user: "1"}}\n',
    ).stack
    expect(services['web']).toMatchObject({ image: 'x', user: '1' })
  })

  test('refuses to merge a mapping with a list, and names the place', () => {
    const files = {
      'a.yaml': 'services: {web: {image: x, deploy: {replicas: 1}}}\n',
      'b.yaml': 'services:\n  web:\n    deploy: [1]\n',
    }
    expect(problems(files, { files: ['a.yaml', 'b.yaml'] })).toEqual(['merge b.yaml:3:13'])
  })

  test('takes relative paths of every file against the folder of the first', () => {
    const files = {
      'x/a.yaml': 'services: {web: {image: x}}',
      'y/b.yaml': 'services: {web: {volumes: ["./d:/d"]}}',
    }
    const loaded = load(files, { files: ['x/a.yaml', 'y/b.yaml'] })
    expect(loaded.stack.services['web']?.volumes?.[0]?.source).toBe('/project/x/d')
    expect(loaded.projectDirectory).toBe('/project/x')
  })

  test('is associative for maps, lists and single values', () => {
    const parts = [
      '{labels: {a: 1}, cap_add: [A], user: "1"}',
      '{labels: [b=2], cap_add: [B]}',
      '{labels: {a: 3}, user: "3"}',
    ]
    const files = Object.fromEntries(
      parts.map((part, i) => [`${i}.yaml`, `services: {web: ${part}}`]),
    )
    const image = { 'i.yaml': 'services: {web: {image: x}}' }
    const left = load(
      { ...files, ...image },
      { files: ['i.yaml', '0.yaml', '1.yaml', '2.yaml'] },
    ).stack
    const joined = {
      ...image,
      'j.yaml': 'services: {web: {labels: {a: 3, b: 2}, cap_add: [B], user: "3"}}',
      '0.yaml': files['0.yaml'] ?? '',
    }
    expect(load(joined, { files: ['i.yaml', '0.yaml', 'j.yaml'] }).stack).toEqual(left)
  })
})
