import { describe, expect, test } from 'vitest'
import type { Network } from '../../src/spec/index.ts'
import { desired, web } from './stack.ts'

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
      'mac_address: "02:00:00:00:00:01", networks: { default: ' +
        '{ ipv4_address: 10.0.0.2, ipv6_address: "fd00::2", gw_priority: 7 } }',
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
  test('desire() takes "auto" for any free port, and x-publish for the address of all', () => {
    const ports = 'ports: [{ target: 80, published: auto }, { target: 81, host_ip: "::1" }]'
    expect(web(ports, { 'x-publish': '127.0.0.1' }).ports).toEqual([
      { hostIp: '127.0.0.1', target: 80, protocol: 'tcp' },
      { hostIp: '::1', target: 81, protocol: 'tcp' },
    ])
  })
  test('desire() reads links with an alias, of the stack and of others', () => {
    expect(web('links: ["db:store", "db"], external_links: ["other-api-1:api"]').links).toEqual([
      { name: 'store', target: 'db' },
      { name: 'api', target: 'other-api-1' },
    ])
  })
  test('desire() reads faults on purpose', () => {
    expect(web('x-net: { latency: 1.5s, loss: 0.5%, rate: 10mbit }').faults).toEqual({
      latencyMs: 1500,
      lossPercent: 0.5,
      bitsPerSecond: 10_000_000,
    })
    expect(web('x-net: {}').faults).toEqual({})
  })
  test('desire() sorts ports, and reads ranges, addresses and protocols', () => {
    const ports =
      '{ target: 80, published: "8000-8010", host_ip: 127.0.0.1 }, ' +
      '{ target: 53, protocol: udp, published: "53" }, { target: 53 }'
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
      '{ type: volume, source: data, target: /d/, read_only: true, ' +
      'volume: { nocopy: true, subpath: s } }, ' +
      '{ type: bind, source: /srv, target: /b, ' +
      'bind: { create_host_path: false, propagation: rshared } }, ' +
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
      'db: { volumes: [' +
      '{ type: volume, source: data, target: /d }, { type: volume, target: /c }] }, ' +
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
  test('desire() mounts configs and secrets, and tells values apart from what is written down', () => {
    const rest = {
      configs: { nginx: { name: 'shop_nginx', file: '/shop/nginx.conf' } },
      secrets: {
        key: { name: 'shop_key', file: '/shop/key' },
        pin: { name: 'shop_pin', environment: 'PIN' },
      },
    }
    const fields =
      'configs: [{ source: nginx, target: /etc/nginx.conf }], ' +
      'secrets: [{ source: key }, { source: pin }]'
    const root = { kind: 'file', uid: 0, gid: 0, mode: 0o444 }
    expect(web(fields, rest).mounts).toEqual([
      {
        ...root,
        object: 'config',
        name: 'nginx',
        from: { kind: 'file', path: '/shop/nginx.conf' },
        target: '/etc/nginx.conf',
      },
      {
        ...root,
        object: 'secret',
        name: 'key',
        from: { kind: 'file', path: '/shop/key' },
        target: '/run/secrets/key',
      },
      {
        ...root,
        object: 'secret',
        name: 'pin',
        from: { kind: 'value' },
        target: '/run/secrets/pin',
      },
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
