import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { validatePlanability } from '../../src/planner/index.ts'
import type { Stack } from '../../src/spec/index.ts'

/** Warnings of a service `web: { … }`, as `key: what happens instead`. */
function gaps(fields: string, rest: Partial<Stack> = {}): string[] {
  const web = {
    image: 'host:',
    command: null,
    entrypoint: null,
    ...(parse(`{${fields}}`) as object),
  }
  return warnings({ name: 'shop', services: { web }, ...rest })
}

function warnings(stack: Stack): string[] {
  return validatePlanability(stack).map(({ message }) =>
    message
      .replace(/^"services\.web\./u, '"')
      .replace('" has no effect yet', '')
      .slice(1),
  )
}

test('validatePlanability() names the key and says what happens instead', () => {
  const stack = {
    name: 's',
    services: { web: { command: null, entrypoint: null, init: true, gpus: [{}] } },
  }
  expect(validatePlanability(stack)).toEqual([
    {
      severity: 'warning',
      rule: 'not-built-yet',
      message: '"services.web.gpus" has no effect yet: the container gets the default devices only',
      path: ['services', 'web', 'gpus'],
    },
  ])
})

test('validatePlanability() is silent about a service of which everything is built', () => {
  const fields =
    'restart: always, init: true, ports: [{ target: 80, protocol: udp }], cap_drop: [ALL], ' +
    'volumes: [{ type: bind, source: /a, target: /b, bind: { selinux: z } }], ' +
    'healthcheck: { test: [CMD, a] }, logging: { driver: json-file, options: { max-size: 1m } }, ' +
    'security_opt: ["no-new-privileges:true", "apparmor=unconfined"], ' +
    'env_file: [{ path: /e, required: true }], ' +
    'deploy: { mode: replicated, replicas: 2, resources: { limits: { cpus: 1 } }, placement: {} }'
  expect(gaps(fields)).toEqual([])
})

test.each(['privileged: false', 'devices: []', 'storage_opt: {}', 'oom_kill_disable: false'])(
  'validatePlanability() is silent about { %s }, which asks for nothing',
  (fields) => {
    expect(gaps(fields)).toEqual([])
  },
)

test.each([
  ['build: { context: . }', 'build: the image must exist already'],
  ['devices: [{ source: /dev/fuse }]', 'devices: the container gets the default devices only'],
  ['pre_stop: [{ command: [a] }]', 'pre_stop: hooks are not run'],
  ['pid: host', 'pid: the container has its own namespace'],
  ['ipc: "service:db"', 'ipc: the container has its own namespace'],
  ['runtime: gvisor', 'runtime: tsstack is the runtime'],
  ['network_mode: bridge', 'network_mode: it is the default network of the stack'],
  [
    'network_mode: host, ports: [{ target: 80 }]',
    'ports: nothing is published with network_mode "host"',
  ],
  [
    'ports: [{ target: 80 }, { target: 9, protocol: sctp }]',
    'ports.1.protocol: only tcp and udp are published',
  ],
  [
    'volumes: [{ type: image, source: a, target: /b }]',
    'volumes.0.type: a mount of type "image" is left out',
  ],
  [
    'volumes: [{ type: bind, source: /a, target: /b, bind: { recursive: disabled } }]',
    'volumes.0.bind.recursive: mounts below the source come along',
  ],
  ['volumes_from: ["container:x"]', 'volumes_from.0: only services of the stack lend volumes'],
  ['links: ["db:database"]', 'links.0: the service is found as "db" only'],
  [
    'networks: { back: { interface_name: eth7 } }',
    'networks.back.interface_name: the interface has the defaults',
  ],
  ['security_opt: ["seccomp=./p.json"]', 'security_opt.0: the default profile is used'],
  ['security_opt: ["label:type:x"]', 'security_opt.0: "label" is not changed by tsstack'],
  ['logging: { driver: syslog }', 'logging.driver: logs are kept in files of tsstack'],
  ['logging: { options: { tag: x } }', 'logging.options.tag: only max-size and max-file are used'],
  [
    'deploy: { update_config: { order: start-first }, resources: {}, placement: {} }',
    'deploy.update_config: a container is stopped, then replaced',
  ],
  [
    'deploy: { mode: global, resources: {}, placement: {} }',
    'deploy.mode: services are replicated',
  ],
  ['healthcheck: { interval: 1s }', 'healthcheck: without "test" there is nothing to run'],
])('validatePlanability() of { %s } is: %s', (fields, expected) => {
  expect(gaps(fields)).toEqual([expected])
})

test('validatePlanability() knows that only files are mounted as configs and secrets', () => {
  const secrets = {
    key: { name: 'key', file: '/key' },
    pin: { name: 'pin', environment: 'PIN' },
  }
  expect(gaps('secrets: [{ source: key, mode: "0400" }, { source: pin }]', { secrets })).toEqual([
    'secrets.0.mode: the file is mounted as it is',
    'secrets.1: only secrets with "file" are mounted',
  ])
})

test('validatePlanability() of networks and volumes', () => {
  const networks = {
    a: {
      name: 'a',
      driver: 'macvlan',
      ipam: { driver: 'x', config: [{ aux_addresses: { h: '1' } }] },
    },
    b: { name: 'b', enable_ipv4: false, ipam: {} },
    c: { name: 'c', external: true, driver: 'overlay', ipam: {} },
  }
  const volumes = { d: { name: 'd', driver: 'rclone' }, e: { name: 'e', driver: 'local' } }
  expect(warnings({ name: 's', services: {}, networks, volumes })).toEqual([
    'networks.a.driver: every network is a bridge',
    'networks.a.ipam.driver: addresses are given out by tsstack',
    'networks.a.ipam.config.0.aux_addresses: no address is set aside',
    'networks.b.enable_ipv4: every network has IPv4',
    'volumes.d.driver: every volume is a folder of this machine',
  ])
})
