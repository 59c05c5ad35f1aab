import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import {
  desire,
  type ContainerSpec,
  type DesiredContainer,
  type DesiredState,
  type DesireOptions,
} from '../../src/planner/index.ts'
import type { Network, Service, Stack } from '../../src/spec/index.ts'

const SOURCE = { directory: '/shop', files: ['/shop/stack.yaml'] }

/** A stack in the canonical form, `services` as one line of YAML; other parts as they are. */
function stackOf(services: string, rest: Partial<Stack> = {}): Stack {
  const parsed = parse(`{${services}}`) as Record<string, Partial<Service> | null>
  const whole = Object.entries(parsed).map(([name, service]) => [
    name,
    { image: 'host:', command: null, entrypoint: null, networks: { default: null }, ...service },
  ])
  return {
    name: 'shop',
    services: Object.fromEntries(whole) as Stack['services'],
    networks: { default: { name: 'shop_default', ipam: {} } },
    ...rest,
  }
}

function desired(services: string, rest?: Partial<Stack>, options?: DesireOptions): DesiredState {
  return desire(stackOf(services, rest), SOURCE, options)
}

function first(services: string, rest?: Partial<Stack>): DesiredContainer {
  const [container] = desired(services, rest).containers
  if (container === undefined) throw new Error('The stack has no container')
  return container
}

/** The spec of the first container of `web: { … }`. */
function web(fields: string, rest?: Partial<Stack>): ContainerSpec {
  return first(`web: { ${fields} }`, rest).spec
}

function names(state: DesiredState): string[] {
  return state.containers.map((each) => each.name)
}

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
      'stdin_open: true, read_only: true, labels: { a: b }, oom_score_adj: -5, sysctls: { k: "1" }, ' +
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

describe('desire() of restart', () => {
  test.each([
    ['restart: "no"', { condition: 'no' }],
    ['restart: always', { condition: 'always' }],
    ['restart: unless-stopped', { condition: 'unless-stopped' }],
    ['restart: on-failure', { condition: 'on-failure' }],
    ['restart: "on-failure:3"', { condition: 'on-failure', attemptsMax: 3 }],
    ['restart: "on-failure:0"', { condition: 'on-failure' }],
  ])('desire() reads %s as %j', (written, expected) => {
    expect(web(written).restart).toEqual(expected)
  })
  test.each([
    ['condition: none', { condition: 'no' }],
    ['condition: any', { condition: 'always' }],
    ['condition: on-failure, max_attempts: 2', { condition: 'on-failure', attemptsMax: 2 }],
    ['delay: 5s, window: 1m', { condition: 'always', delayMs: 5000, windowMs: 60_000 }],
  ])('desire() lets deploy.restart_policy { %s } override restart', (policy, expected) => {
    const deploy = `deploy: { restart_policy: { ${policy} }, resources: {}, placement: {} }`
    expect(web(`restart: unless-stopped, ${deploy}`).restart).toEqual(expected)
  })
})

describe('desire() of healthcheck', () => {
  test('desire() fills in the defaults of Docker', () => {
    expect(web('healthcheck: { test: [CMD, curl, x] }').healthcheck).toEqual({
      test: ['curl', 'x'],
      intervalMs: 30_000,
      timeoutMs: 30_000,
      retries: 3,
      startPeriodMs: 0,
      startIntervalMs: 5000,
    })
  })
  test('desire() takes what is given', () => {
    const given =
      'test: [CMD-SHELL, "exit 0"], interval: 1s, timeout: 2s, retries: 9, start_period: 1m, start_interval: 200ms'
    expect(web(`healthcheck: { ${given} }`).healthcheck).toEqual({
      test: ['/bin/sh', '-c', 'exit 0'],
      intervalMs: 1000,
      timeoutMs: 2000,
      retries: 9,
      startPeriodMs: 60_000,
      startIntervalMs: 200,
    })
  })
  test.each(['test: [NONE]', 'test: [CMD, a], disable: true', 'interval: 1s'])(
    'desire() has no healthcheck for { %s }',
    (given) => {
      expect('healthcheck' in web(`healthcheck: { ${given} }`)).toBe(false)
    },
  )
})

describe('desire() of networks', () => {
  test('desire() lists aliases once: service, container, then those of the file', () => {
    const { network } = web('networks: { default: { aliases: [www, web] } }')
    expect(network).toMatchObject({ attachments: [{ aliases: ['web', 'shop-web-1', 'www'] }] })
  })
  test('desire() attaches by priority, then by name', () => {
    const networks = {
      a: { name: 'A', ipam: {} },
      b: { name: 'B', ipam: {} },
      c: { name: 'C', ipam: {} },
    }
    const { network } = web('networks: { c: null, b: null, a: { priority: -1 } }', { networks })
    expect(network).toMatchObject({
      attachments: [{ network: 'B' }, { network: 'C' }, { network: 'A' }],
    })
  })
  test('desire() takes addresses and gateway priority', () => {
    const { network } = web(
      'mac_address: "02:00:00:00:00:01", networks: { default: { ipv4_address: 10.0.0.2, ipv6_address: "fd00::2", gw_priority: 7 } }',
    )
    expect(network).toMatchObject({
      attachments: [
        {
          ipv4Address: '10.0.0.2',
          ipv6Address: 'fd00::2',
          macAddress: '02:00:00:00:00:01',
          gatewayPriority: 7,
        },
      ],
    })
  })
  test.each([
    ['none', { kind: 'none' }],
    ['host', { kind: 'host' }],
    ['service:db', { kind: 'service', service: 'db' }],
    ['container:x', { kind: 'container', container: 'x' }],
  ])('desire() reads network_mode %s as %j', (mode, expected) => {
    expect(web(`network_mode: "${mode}", networks: null`).network).toEqual(expected)
  })
  test('desire() reads network_mode bridge as the default network of the stack', () => {
    const state = desired('web: { network_mode: bridge, networks: null }', { networks: {} })
    expect(state.networks.map((each) => each.name)).toEqual(['shop_default'])
    expect(state.containers[0]?.spec.network).toMatchObject({
      attachments: [{ network: 'shop_default', aliases: ['web', 'shop-web-1'] }],
    })
  })
  test('desire() of networks, sorted, with what is given', () => {
    const networks = {
      lan: { name: 'lan', external: true } as Network,
      back: {
        name: 'shop_back',
        internal: true,
        enable_ipv6: true,
        driver_opts: { mtu: '1400' },
        labels: { a: 'b' },
        ipam: {
          config: [{ subnet: '10.9.0.0/24', gateway: '10.9.0.1', ip_range: '10.9.0.128/25' }, {}],
        },
      },
    }
    expect(desired('web:', { networks }).networks).toEqual([
      {
        key: 'back',
        name: 'shop_back',
        external: false,
        internal: true,
        driver: 'bridge',
        driverOptions: { mtu: '1400' },
        ipv6: true,
        subnets: [{ subnet: '10.9.0.0/24', gateway: '10.9.0.1', range: '10.9.0.128/25' }],
        labels: { a: 'b' },
      },
      {
        key: 'lan',
        name: 'lan',
        external: true,
        internal: false,
        driver: 'bridge',
        driverOptions: {},
        ipv6: false,
        subnets: [],
        labels: {},
      },
    ])
  })
})

describe('desire() of ports', () => {
  test('desire() sorts ports, and reads ranges, addresses and protocols', () => {
    const ports =
      '{ target: 80, published: "8000-8010", host_ip: 127.0.0.1 }, { target: 53, protocol: udp, published: "53" }, { target: 53 }'
    expect(web(`ports: [${ports}]`).ports).toEqual([
      { target: 53, protocol: 'tcp' },
      { target: 53, protocol: 'udp', published: { first: 53, last: 53 } },
      { target: 80, protocol: 'tcp', hostIp: '127.0.0.1', published: { first: 8000, last: 8010 } },
    ])
  })
  test('desire() publishes nothing on the network of the host', () => {
    expect(web('network_mode: host, ports: [{ target: 80, published: "80" }]').ports).toEqual([])
  })
})

describe('desire() of mounts', () => {
  const volumes = { data: { name: 'shop_data' }, old: { name: 'precious', external: true } }
  test('desire() reads volumes, binds and tmpfs, sorted by target', () => {
    const mounts =
      '{ type: volume, source: data, target: /d/, read_only: true, volume: { nocopy: true, subpath: s } }, ' +
      '{ type: bind, source: /srv, target: /b, bind: { create_host_path: false, propagation: rshared } }, ' +
      '{ type: tmpfs, target: /t, tmpfs: { size: "1024", mode: 1023 } }'
    expect(web(`volumes: [${mounts}]`, { volumes }).mounts).toEqual([
      {
        kind: 'bind',
        source: '/srv',
        target: '/b',
        readOnly: false,
        createHostPath: false,
        propagation: 'rshared',
      },
      {
        kind: 'volume',
        volume: 'shop_data',
        anonymous: false,
        target: '/d',
        readOnly: true,
        nocopy: true,
        subpath: 's',
      },
      { kind: 'tmpfs', target: '/t', sizeBytes: 1024, mode: 0o1777, options: [] },
    ])
  })
  test('desire() creates a missing bind source unless told not to', () => {
    const [mount] = web('volumes: [{ type: bind, source: /srv, target: /b }]').mounts
    expect(mount).toMatchObject({ createHostPath: true })
  })
  test('desire() names an anonymous volume after its container and target', () => {
    const state = desired('web: { scale: 2, volumes: [{ type: volume, target: /var/lib/x }] }')
    expect(state.containers.map((each) => each.spec.mounts[0])).toMatchObject([
      { volume: 'shop-web-1@var_lib_x', anonymous: true },
      { volume: 'shop-web-2@var_lib_x', anonymous: true },
    ])
  })
  test('desire() gives no two targets the same anonymous volume', () => {
    const targets = ['/a/b', '/a_b', '/a=5f=b', '/a b', '/a-b', '/a/_b', '/a_/b']
    const volumes = targets.map((target) => `{ type: volume, target: "${target}" }`).join(', ')
    const { mounts } = web(`volumes: [${volumes}]`)
    expect(new Set(mounts.map((each) => 'volume' in each && each.volume)).size).toBe(targets.length)
  })
  test('desire() reads the options of tmpfs', () => {
    expect(web('tmpfs: [/run, "/tmp:size=64m,mode=1770,noexec,uid=7"]').mounts).toEqual([
      { kind: 'tmpfs', target: '/run', options: [] },
      {
        kind: 'tmpfs',
        target: '/tmp',
        sizeBytes: 67_108_864,
        mode: 0o1770,
        options: ['noexec', 'uid=7'],
      },
    ])
  })
  test('desire() lends the mounts of volumes_from, and the own ones win', () => {
    const services =
      'db: { volumes: [{ type: volume, source: data, target: /d }, { type: volume, target: /c }] }, ' +
      'web: { volumes_from: ["db:ro"], volumes: [{ type: bind, source: /c, target: /c }] }'
    const [, container] = desired(services, { volumes }).containers
    expect(container?.spec.mounts).toMatchObject([
      { kind: 'bind', source: '/c', target: '/c' },
      { kind: 'volume', volume: 'shop_data', target: '/d', readOnly: true },
    ])
    expect(container?.dependsOn).toMatchObject([{ service: 'db', restart: false }])
  })
  test('desire() ends when services lend each other their volumes', () => {
    expect(desired('a: { volumes_from: [b] }, b: { volumes_from: [a] }').containers).toHaveLength(2)
  })
  test('desire() mounts configs and secrets that are files', () => {
    const rest = {
      configs: { nginx: { name: 'shop_nginx', file: '/shop/nginx.conf' } },
      secrets: {
        key: { name: 'shop_key', file: '/shop/key' },
        pin: { name: 'shop_pin', environment: 'PIN' },
      },
    }
    const fields =
      'configs: [{ source: nginx, target: /etc/nginx.conf }], secrets: [{ source: key }, { source: pin }]'
    const file = { kind: 'bind', readOnly: true, createHostPath: false }
    expect(web(fields, rest).mounts).toEqual([
      { ...file, source: '/shop/nginx.conf', target: '/etc/nginx.conf' },
      { ...file, source: '/shop/key', target: '/run/secrets/key' },
    ])
  })
  test('desire() of volumes, sorted', () => {
    expect(desired('web:', { volumes }).volumes).toEqual([
      {
        key: 'data',
        name: 'shop_data',
        external: false,
        driver: 'local',
        driverOptions: {},
        labels: {},
      },
      {
        key: 'old',
        name: 'precious',
        external: true,
        driver: 'local',
        driverOptions: {},
        labels: {},
      },
    ])
  })
})

describe('desire() of limits', () => {
  test.each([
    ['mem_limit: "536870912"', { memoryBytesMax: 536_870_912 }],
    ['mem_limit: "0"', {}],
    ['mem_reservation: "1024"', { memoryBytesReserved: 1024 }],
    ['memswap_limit: "-1"', { memorySwapBytesMax: -1 }],
    ['cpus: 0.5', { cpus: 0.5 }],
    ['cpu_quota: 50000', { cpus: 0.5 }],
    ['cpu_quota: 50000, cpu_period: 25000', { cpus: 2 }],
    ['cpu_shares: 512, cpuset: "0-1"', { cpuShares: 512, cpuset: '0-1' }],
    ['pids_limit: 7', { pidsMax: 7 }],
    ['pids_limit: -1', { pidsMax: -1 }],
    ['pids_limit: 0', { pidsMax: -1 }],
    [
      'deploy: { resources: { limits: { cpus: 2, memory: "64", pids: 9 }, reservations: { memory: "32" } }, placement: {} }',
      { cpus: 2, memoryBytesMax: 64, pidsMax: 9, memoryBytesReserved: 32 },
    ],
  ])('desire() reads { %s } as %j', (fields, expected) => {
    expect(web(fields).resources).toEqual({ pidsMax: 4096, ...expected })
  })
  test('desire() reads one number as both limits of a ulimit', () => {
    expect(web('ulimits: { nproc: 9, nofile: { soft: 1, hard: 2 } }').ulimits).toEqual({
      nofile: { soft: 1, hard: 2 },
      nproc: { soft: 9, hard: 9 },
    })
  })
  test('desire() reads shm_size', () => {
    expect(web('shm_size: "1048576"').shmBytes).toBe(1_048_576)
  })
})

describe('desire() of security', () => {
  test('desire() writes capabilities in one way', () => {
    expect(web('cap_add: [sys_time, CAP_NET_ADMIN, NET_ADMIN], cap_drop: [all]')).toMatchObject({
      capAdd: ['NET_ADMIN', 'SYS_TIME'],
      capDrop: ['ALL'],
    })
  })
  test.each([
    ['no-new-privileges', { noNewPrivileges: true, seccomp: 'default' }],
    ['no-new-privileges:true', { noNewPrivileges: true, seccomp: 'default' }],
    ['no-new-privileges=false', { noNewPrivileges: false, seccomp: 'default' }],
    ['seccomp:unconfined', { noNewPrivileges: false, seccomp: 'unconfined' }],
    ['seccomp=unconfined', { noNewPrivileges: false, seccomp: 'unconfined' }],
  ])('desire() reads security_opt %s as %j', (option, expected) => {
    expect(web(`security_opt: ["${option}"]`)).toMatchObject(expected)
  })
})

describe('desire() of logging', () => {
  test.each([
    ['driver: none', { driver: 'none', segmentBytesMax: 0, segmentsMax: 0 }],
    [
      'driver: json-file, options: { max-size: 5m, max-file: "2" }',
      { driver: 'local', segmentBytesMax: 5_242_880, segmentsMax: 2 },
    ],
    [
      'driver: local, options: { max-size: 100k }',
      { driver: 'local', segmentBytesMax: 102_400, segmentsMax: 3 },
    ],
    [
      'options: { max-size: "-1", max-file: x }',
      { driver: 'local', segmentBytesMax: Number.MAX_SAFE_INTEGER, segmentsMax: 3 },
    ],
  ])('desire() reads logging { %s } as %j', (logging, expected) => {
    expect(web(`logging: { ${logging} }`).logging).toEqual(expected)
  })
})

describe('desire() of dependencies', () => {
  test('desire() keeps what depends_on says, sorted', () => {
    const services =
      'web: { depends_on: { b: { condition: service_healthy, required: false, restart: true }, a: { condition: service_started, required: true } } }, a:, b:'
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
