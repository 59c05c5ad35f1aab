import { describe, expect, test } from 'vitest'
import { web } from './stack.ts'

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
      'test: [CMD-SHELL, "exit 0"], interval: 1s, timeout: 2s, retries: 9, ' +
      'start_period: 1m, start_interval: 200ms'
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

describe('desire() of limits', () => {
  test.each([
    ['mem_limit: "536870912"', { memoryBytesMax: 536_870_912 }],
    ['mem_limit: "0"', {}],
    ['mem_reservation: "1024"', { memoryBytesReserved: 1024 }],
    ['memswap_limit: "-1"', { memorySwapBytesMax: -1 }],
    ['cpus: 0.5', { cpus: 0.5 }],
    ['cpu_quota: 50000', { cpus: 0.5 }],
    ['cpu_quota: 50000, cpu_period: 25000', { cpus: 2, cpuPeriodUs: 25_000 }],
    [
      'mem_swappiness: "10", oom_kill_disable: true',
      { memorySwappiness: 10, oomKillDisable: true },
    ],
    [
      'blkio_config: { weight: 300, device_read_bps: [{ Path: /dev/x, Rate: "1024" }] }',
      { blockIo: { weight: 300, readBps: [{ path: '/dev/x', rate: 1024 }] } },
    ],
    ['cpu_shares: 512, cpuset: "0-1"', { cpuShares: 512, cpuset: '0-1' }],
    ['pids_limit: 7', { pidsMax: 7 }],
    ['pids_limit: -1', { pidsMax: -1 }],
    ['pids_limit: 0', { pidsMax: -1 }],
    [
      'deploy: { resources: { limits: { cpus: 2, memory: "64", pids: 9 }, ' +
        'reservations: { memory: "32" } }, placement: {} }',
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

  test('desire() has the journal told with the labels and variables that are asked for', () => {
    const options = '{ tag: "{{.Name}}", labels: "a.team,none", env-regex: "^K" }'
    const { logging } = web(
      [
        `logging: { driver: journald, options: ${options} }`,
        'labels: { a.team: red, other: x }',
        'environment: { _KEY: "1", KIND: big, OTHER: y }',
      ].join(', '),
    )
    expect(logging).toMatchObject({
      driver: 'local',
      forward: { driver: 'journald', tag: '{{.Name}}', fields: { A_TEAM: 'red', KIND: 'big' } },
    })
  })

  test.each([
    ['', { address: { kind: 'local' }, facility: 3, format: '', tag: '{{.ID}}' }],
    [
      'syslog-address: "udp://[::1]:1514", syslog-facility: local7',
      { address: { kind: 'udp', host: '::1', port: 1514 }, facility: 23 },
    ],
    [
      'syslog-address: "tcp://logs.example", syslog-format: rfc5424micro',
      { address: { kind: 'tcp', host: 'logs.example', port: 514 }, format: 'rfc5424micro' },
    ],
    [
      'syslog-address: "unixgram:///dev/log", cache-max-size: 1m',
      { address: { kind: 'unixgram', path: '/dev/log' } },
    ],
  ])('desire() reads the syslog options { %s }', (options, expected) => {
    const { logging } = web(`logging: { driver: syslog, options: { ${options} } }`)
    expect(logging.forward).toMatchObject({ driver: 'syslog', ...expected })
  })
})
