import { describe, expect, test } from 'vitest'
import { renderConfig } from '../../src/spec/index.ts'
import { errors, request } from './stack.ts'

/** The messages about a network `n` that says this, with a service that is attached so. */
function said(network: string, attachment = '{}'): readonly string[] {
  return errors(
    `services:\n  web: {image: x, networks: {n: ${attachment}}}\nnetworks:\n  n: ${network}\n`,
  ).map(({ message, line }) => `${line}: ${message}`)
}

const POOL = '{ipam: {config: [{subnet: 10.1.0.0/24, gateway: 10.1.0.1}]}}'

describe('loadStack() refuses a network', () => {
  test.each([
    ['{driver: weave}', 'there is no driver "weave"; it is one of bridge, default, overlay'],
    ['{driver: macvlan}', 'macvlan needs the interface of the machine that it is on'],
    ['{driver_opts: {speed: fast}}', 'option "speed": no driver has it; options are mtu'],
    ['{driver_opts: {mtu: "12"}}', 'option "mtu": it is a number of bytes from 68 to 65535'],
    [
      '{driver_opts: {com.docker.network.bridge.name: a-name-too-long-for-linux}}',
      'it is longer than the 15 bytes that the kernel takes',
    ],
    ['{driver_opts: {com.docker.network.bridge.enable_icc: maybe}}', 'it is true or false'],
    ['{ipam: {config: [{subnet: 10.1.0.0}]}}', '"10.1.0.0" is no subnet'],
    ['{ipam: {config: [{subnet: 10.1.0.0/33}]}}', '"10.1.0.0/33" is no subnet'],
    [
      '{ipam: {config: [{subnet: 10.1.0.0/16}, {subnet: 10.1.2.0/24}]}}',
      'subnet 10.1.2.0/24 overlaps its subnet 10.1.0.0/16',
    ],
    [
      '{ipam: {config: [{subnet: "fd00::/64", gateway: "fd00:0:0:1::1"}]}}',
      'gateway fd00:0:0:1::1 is outside of fd00::/64',
    ],
    [
      '{ipam: {config: [{subnet: 10.1.0.0/24, ip_range: 10.1.1.0/25}]}}',
      'ip_range 10.1.1.0/25 is not a part of 10.1.0.0/24',
    ],
    [
      '{ipam: {config: [{subnet: 10.1.0.0/24, aux_addresses: {nas: 10.2.0.1}}]}}',
      'address 10.2.0.1 is outside of 10.1.0.0/24',
    ],
    ['{enable_ipv4: false}', 'it would have no addresses at all'],
  ])('%s', (network, problem) => {
    expect(said(network)).toEqual([expect.stringContaining(problem)])
    expect(said(network)[0]).toMatch(/^4: Cannot use the network "n": /)
  })
})

describe('loadStack() refuses an attachment', () => {
  test.each([
    ['{ipv4_address: 10.2.0.9}', '10.2.0.9 is outside of 10.1.0.0/24'],
    ['{ipv4_address: 10.1.0.1}', '10.1.0.1 is the gateway of the network'],
    ['{ipv4_address: 10.1.0.0}', '10.1.0.0 is the address of 10.1.0.0/24 itself'],
    ['{ipv4_address: 10.1.0.255}', '10.1.0.255 is the broadcast address of 10.1.0.0/24'],
    ['{ipv4_address: "10.1.0.999"}', '"10.1.0.999" is no IPv4 address'],
    ['{ipv6_address: "fd00::2"}', 'a fixed address needs an IPv6 subnet of the network'],
    ['{mac_address: "01:42:ac:11:00:02"}', 'is no hardware address of one interface'],
    ['{interface_name: lo}', 'it is the name of the loopback interface'],
    ['{interface_name: a/b}', 'it is no name of an interface'],
    ['{link_local_ips: [nowhere]}', '"nowhere" is no IP address'],
  ])('%s', (attachment, problem) => {
    expect(said(POOL, attachment)).toEqual([expect.stringContaining(problem)])
    expect(said(POOL, attachment)[0]).toMatch(/^2: Cannot connect "web": /)
  })

  test('with an address that aux_addresses keeps for somebody else', () => {
    const kept = '{ipam: {config: [{subnet: 10.1.0.0/24, aux_addresses: {nas: 10.1.0.9}}]}}'
    expect(said(kept, '{ipv4_address: 10.1.0.9}')).toEqual([
      '2: Cannot connect "web": 10.1.0.9 is kept for "nas" by aux_addresses',
    ])
    expect(said(kept, '{ipv4_address: 10.1.0.8}')).toEqual([])
    const six = '{ipam: {config: [{subnet: "fd00:1::/64", aux_addresses: {nas: "fd00:1::9"}}]}}'
    expect(said(six, '{ipv6_address: "fd00:1:0::9"}').join()).toContain('is kept for "nas"')
  })

  test('with an address that another service has', () => {
    const service = '{image: x, networks: {n: {ipv4_address: 10.1.0.5}}}'
    const found = errors(`services:\n  a: ${service}\n  b: ${service}\nnetworks: {n: ${POOL}}\n`)
    expect(found.map(({ message }) => message)).toEqual([
      'Cannot connect "b": 10.1.0.5 belongs to the service "a" already',
    ])
  })

  test('with an address that several replicas would have', () => {
    const found = errors(
      `services:\n  a: {image: x, scale: 2, networks: {n: {ipv4_address: 10.1.0.5}}}\n` +
        `networks: {n: ${POOL}}\n`,
    )
    expect(found.map(({ message }) => message)).toEqual([
      'Cannot connect "a": 2 containers cannot all have 10.1.0.5',
    ])
  })
})

const twoNetworks = (n: string, m: string): string =>
  `services:\n  web: {image: x, networks: [n, m]}\nnetworks:\n  n: ${n}\n  m: ${m}\n`

const pool = (subnet: string, rest = ''): string => `{ipam: {config: [{subnet: ${subnet}${rest}}]}}`

const room = (count: number, rest = ''): readonly string[] =>
  errors(
    `services:\n  web: {image: x, scale: ${count}}\n  db: {image: x}\n` +
      `networks:\n  default: ${pool('10.1.0.0/29', rest)}\n`,
  ).map(({ message, line }) => `${line}: ${message}`)

describe('loadStack() compares', () => {
  test('the gateway that a network gets by itself with the addresses of containers', () => {
    expect(said(pool('10.1.0.0/24'), '{ipv4_address: 10.1.0.1}')).toEqual([
      '2: Cannot connect "web": 10.1.0.1 is the gateway of the network',
    ])
    const six = pool('"fd00::/64"')
    expect(said(six, '{ipv6_address: "fd00:0::1"}').join()).toContain('is the gateway')
    expect(said(pool('10.1.0.0/31'), '{ipv4_address: 10.1.0.0}')).toEqual([])
  })

  test('the subnets of networks that are used together', () => {
    const text = twoNetworks(pool('10.1.0.0/16'), pool('10.1.2.0/24'))
    expect(errors(text).map(({ message, line }) => `${line}: ${message}`)).toEqual([
      '4: Cannot use the network "n": 10.1.0.0/16 overlaps 10.1.2.0/24 of the network "m"',
    ])
    expect(errors(text.replace('[n, m]', '[n]'))).toEqual([])
    expect(errors(twoNetworks(pool('10.1.0.0/16'), '{external: true}'))).toEqual([])
    expect(errors(twoNetworks(pool('10.1.0.0/16'), pool('10.2.0.0/16')))).toEqual([])
  })

  test('the containers of a network with the room in it', () => {
    expect(room(4)).toEqual([])
    expect(room(5)).toEqual([
      '5: Cannot use the network "default": 10.1.0.0/29 has 5 addresses for 6 containers; ' +
        'use a larger subnet',
    ])
    expect(room(4, ', aux_addresses: {nas: 10.1.0.6}')).toEqual([])
  })
})

const saidOfPorts = (ports: string) =>
  errors(`services:\n  web: {image: x, ports: [${ports}]}\n`).map(({ message }) => message)
const exposing = (port: string) => `services:\n  web: {image: x, expose: [${port}]}\n`

test('loadStack() refuses one port of the machine for two of a container, and knows what is one', () => {
  expect(saidOfPorts('"80:80", "80:81"')).toEqual([
    'Cannot publish a port of "web": 80/tcp leads to its port 80 already',
  ])
  expect(saidOfPorts('"80:80", "80:80/udp", "127.0.0.1:80:81", "0:1", "0:2"')).toEqual([])
})

test('loadStack() refuses to expose a port that is none', () => {
  expect(errors(exposing('"70000/udp"')).map(({ message }) => message)).toEqual([
    'Cannot expose a port of "web": port 70000 is larger than 65535',
  ])
  expect(errors(exposing('"8000-8010/tcp", 53'))).toEqual([])
})

describe('loadStack() refuses a port', () => {
  test.each([
    ['"80:0"', 'a program listens on a port from 1 to 65535, and not on 0'],
    ['"8080:80/sctp"', 'sctp is not published; use tcp or udp'],
    ['"70000:80"', '70000'],
    ['"8000-8002:80-81"', '8000-8002'],
  ])('%s', (port, problem) => {
    const found = errors(`services:\n  web: {image: x, ports: [${port}]}\n`)
    expect(found.map(({ message }) => message)).toEqual([expect.stringContaining(problem)])
  })
})

test('renderConfig() shows such a network with a warning: the model is right by the specification', () => {
  const text = 'services:\n  web: {image: x}\nnetworks:\n  default: {driver_opts: {speed: fast}}\n'
  const { output, diagnostics } = renderConfig(request(text))
  expect(output).toContain('speed: fast')
  expect(diagnostics.map(({ severity }) => severity)).not.toContain('error')
  expect(diagnostics.map(({ message }) => message).join()).toContain('option "speed"')
})

test('loadStack() takes every form of a network that is right', () => {
  const network = `{
    driver_opts: {com.docker.network.bridge.name: shop0, mtu: "1400"},
    enable_ipv6: true,
    ipam: {config: [{subnet: 10.1.0.0/24, ip_range: 10.1.0.128/25, gateway: 10.1.0.9,
      aux_addresses: {nas: 10.1.0.5}}, {subnet: "fd00:1::/64"}]}}`
  const attachment = `{ipv4_address: 10.1.0.7, ipv6_address: "fd00:1::7", interface_name: lan0,
    mac_address: "02:42:ac:11:00:02", link_local_ips: [169.254.1.1, "fe80::1"]}`
  expect(said(network, attachment)).toEqual([])
})

const ofFaults = (said: string) =>
  errors(`services:\n  web: {image: x, x-net: ${said}}\n`).map(({ message }) => message)

test('loadStack() refuses faults that are none', () => {
  expect(ofFaults('{latency: 100ms, loss: 5%, rate: 10mbit}')).toEqual([])
  expect(ofFaults('{latency: soon, los: 5%}')).toEqual([
    'Cannot degrade the network of "web": latency is written as 100ms',
    'Cannot degrade the network of "web": x-net has no "los"; it has latency, loss, rate',
  ])
})

const ofOwn = (said: string) =>
  errors(`services:\n  web: {image: x, x-tsstack: ${said}}\n`).map(({ message }) => message)

test('loadStack() refuses what x-tsstack does not have', () => {
  expect(ofOwn('{on-unhealthy: restart}')).toEqual([])
  expect(ofOwn('{on-unhealthy: reboot, un-healthy: stop}')).toEqual([
    'Cannot read "x-tsstack" of "web": on-unhealthy is "reboot"; it has to be one of restart, stop, none',
    'Cannot read "x-tsstack" of "web": it has no "un-healthy"; it has on-unhealthy, procfs, hugetlb, shared-ports',
  ])
  expect(ofOwn('{procfs: limits, hugetlb: {2MB: 64m, 1GB: 1073741824}}')).toEqual([])
  expect(ofOwn('{procfs: all, hugetlb: {2m: 64m}}')).toEqual([
    'Cannot read "x-tsstack" of "web": procfs is "all"; it has to be one of limits, host',
    'Cannot read "x-tsstack" of "web": hugetlb has "2m: 64m"; it is written as {2MB: 64m}',
  ])
})
