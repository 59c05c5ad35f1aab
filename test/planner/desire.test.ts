import { describe, expect, test } from 'vitest'
import { desire } from '../../src/planner/index.ts'
import type { Service } from '../../src/spec/index.ts'
import { desired, first, names, SOURCE, stackOf, web } from './stack.ts'

test('desire() gives a plain service the defaults of Compose', () => {
  expect(first('web:')).toEqual({
    name: 'shop-web-1',
    service: 'web',
    index: 1,
    dependsOn: [],
    spec: {
      image: 'host:',
      environment: {},
      hostname: 'shop-web-1',
      init: false,
      tty: false,
      stdinOpen: false,
      readOnly: false,
      stopSignal: 'SIGTERM',
      stopGraceMs: 10_000,
      restart: { condition: 'no' },
      mounts: [],
      network: {
        kind: 'networks',
        attachments: [
          {
            network: 'shop_default',
            aliases: ['web', 'shop-web-1'],
            gatewayPriority: 0,
            priority: 0,
          },
        ],
      },
      ports: [],
      extraHosts: [],
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
      resources: { pidsMax: 4096 },
      capAdd: [],
      capDrop: [],
      privileged: false,
      noNewPrivileges: false,
      seccomp: 'default',
      sysctls: {},
      ulimits: {},
      shmBytes: 67_108_864,
      labels: {},
      logging: { driver: 'local', segmentBytesMax: 10_485_760, segmentsMax: 3 },
    },
  })
})

test('desire() is plain JSON: nothing is undefined', () => {
  const state = desired('web: { healthcheck: { test: [CMD, a] }, ports: [{ target: 80 }] }')
  expect(JSON.parse(JSON.stringify(state))).toStrictEqual(state)
})

test('desire() keeps where the stack came from', () => {
  expect(desired('web:')).toMatchObject({ stack: 'shop', source: SOURCE, services: ['web'] })
})

describe('desire() of names and replicas', () => {
  test.each([
    ['web: { scale: 2 }', ['shop-web-1', 'shop-web-2']],
    [
      'web: { deploy: { replicas: 2, resources: {}, placement: {} } }',
      ['shop-web-1', 'shop-web-2'],
    ],
    ['web: { scale: 0 }', []],
    ['web: { container_name: front }', ['front']],
    ['web:, api:', ['shop-api-1', 'shop-web-1']],
  ])('desire() of %s has the containers %j', (services, expected) => {
    expect(names(desired(services))).toEqual(expected)
  })
  test('desire() takes the replicas of --scale', () => {
    expect(names(desired('web: { scale: 5 }', {}, { scale: { web: 1 } }))).toEqual(['shop-web-1'])
  })
  test('desire() keeps a service that is scaled to 0', () => {
    expect(desired('web: { scale: 0 }').services).toEqual(['web'])
  })
  test('desire() refuses to scale an unknown service, and guesses which was meant', () => {
    expect(() => desired('web:', {}, { scale: { wbe: 2 } })).toThrow(
      expect.objectContaining({
        message: 'Cannot scale "wbe": stack "shop" has no such service',
        hint: 'Did you mean "web"?',
      }),
    )
  })
  test('desire() refuses to scale a service with a container_name', () => {
    expect(() => desired('web: { container_name: front }', {}, { scale: { web: 2 } })).toThrow(
      'Cannot scale "web" to 2: its container_name "front" can be had by one container only',
    )
  })
  test('desire() has no container for a service of a provider', () => {
    expect(desired('web: { provider: { type: x } }').containers).toEqual([])
  })
  test('desire() makes a host name of a container name', () => {
    expect(web('container_name: my_web.1').hostname).toBe('my-web-1')
    expect(web(`container_name: ${'a'.repeat(62)}-b`).hostname).toBe('a'.repeat(62))
    expect(web('hostname: front.example').hostname).toBe('front.example')
  })
  test('desire() names what is built after its service', () => {
    const stack = stackOf('web:')
    const { image: _, ...service } = stack.services['web'] as Service
    const built = desire({ ...stack, services: { web: service } }, SOURCE)
    expect(built.containers[0]?.spec.image).toBe('shop-web')
  })
  test('desire() finds a directory from the project', () => {
    expect(web('image: "dir:./rootfs"').image).toBe('dir:/shop/rootfs')
    expect(web('image: "dir:../rootfs"').image).toBe('dir:/rootfs')
    expect(web('image: "dir:/srv/rootfs/"').image).toBe('dir:/srv/rootfs/')
  })
})

describe('desire() of the program', () => {
  test('desire() tells no command from an empty one', () => {
    expect('command' in web('command: null')).toBe(false)
    expect(web('command: []').command).toEqual([])
    expect(web('entrypoint: [a, b], command: [c]')).toMatchObject({
      entrypoint: ['a', 'b'],
      command: ['c'],
    })
  })
  test('desire() does not pass on a variable without value', () => {
    expect(web('environment: { A: "1", B: null, C: "" }').environment).toEqual({ A: '1', C: '' })
  })
  test.each([
    ['SIGINT', 'SIGINT'],
    ['INT', 'SIGINT'],
    ['sigquit', 'SIGQUIT'],
    ['SIGRTMIN+3', 'SIGRTMIN+3'],
    ['"15"', '15'],
  ])('desire() reads stop_signal %s as %s', (written, expected) => {
    expect(web(`stop_signal: ${written}`).stopSignal).toBe(expected)
  })
  test.each([
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1.5s', 1500],
    ['0s', 0],
    ['1µs', 1],
  ])('desire() reads stop_grace_period %s as %d ms', (written, expected) => {
    expect(web(`stop_grace_period: ${written}`).stopGraceMs).toBe(expected)
  })
  test('desire() passes on what needs no change', () => {
    const fields =
      'working_dir: /app, user: "1:2", group_add: [audio], domainname: d, init: true, tty: true, ' +
      'stdin_open: true, read_only: true, labels: { a: b }, oom_score_adj: -5, ' +
      'sysctls: { k: "1" }, ' +
      'dns: [1.1.1.1], dns_search: [x], dns_opt: [ndots:1]'
    expect(web(fields)).toMatchObject({
      workingDir: '/app',
      user: '1:2',
      groupAdd: ['audio'],
      domainname: 'd',
      init: true,
      tty: true,
      stdinOpen: true,
      readOnly: true,
      labels: { a: 'b' },
      oomScoreAdj: -5,
      sysctls: { k: '1' },
      dns: ['1.1.1.1'],
      dnsSearch: ['x'],
      dnsOptions: ['ndots:1'],
    })
  })
  test('desire() reads extra_hosts of both families', () => {
    expect(web('extra_hosts: ["a=10.0.0.1", "b=[::1]", "c=host-gateway"]').extraHosts).toEqual([
      { name: 'a', address: '10.0.0.1' },
      { name: 'b', address: '::1' },
      { name: 'c', address: 'host-gateway' },
    ])
  })
})

describe('desire() of users', () => {
  test.each([
    ['host', undefined],
    ['something', undefined],
    ['auto', { kind: 'own' }],
    ['private', { kind: 'own' }],
    ['container:x', { kind: 'container', container: 'x' }],
  ])('desire() reads userns_mode %s as %j', (mode, expected) => {
    expect(web(`userns_mode: "${mode}"`).namespaces?.user).toEqual(expected)
  })
})

describe('desire() of dependencies', () => {
  test('desire() keeps what depends_on says, sorted', () => {
    const services =
      'web: { depends_on: { b: { condition: service_healthy, required: false, restart: true }, ' +
      'a: { condition: service_started, required: true } } }, a:, b:'
    const state = desired(services)
    expect(state.containers.find((each) => each.service === 'web')?.dependsOn).toEqual([
      { service: 'a', condition: 'service_started', required: true, restart: false },
      { service: 'b', condition: 'service_healthy', required: false, restart: true },
    ])
  })
  test.each([
    'links: ["db:database"]',
    'network_mode: "service:db"',
    'ipc: "service:db"',
    'pid: "service:db"',
    'userns_mode: "service:db"',
  ])('desire() sees the dependency that { %s } implies', (fields) => {
    expect(first(`web: { ${fields} }`).dependsOn).toEqual([
      { service: 'db', condition: 'service_started', required: true, restart: true },
    ])
  })
  test('desire() lets depends_on say more than what is implied', () => {
    const dependsOn = 'depends_on: { db: { condition: service_healthy, required: true } }'
    expect(first(`web: { network_mode: "service:db", ${dependsOn} }`).dependsOn).toMatchObject([
      { service: 'db', condition: 'service_healthy' },
    ])
  })
})
