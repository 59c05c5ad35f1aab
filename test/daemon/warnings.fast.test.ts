import { expect, test } from 'vitest'
import { warningsOf } from '../../src/daemon/warnings.ts'
import { loadStack } from '../../src/spec/index.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** `LINE:COLUMN message` of every warning, in the order of their lines. */
function warnings(text: string): readonly string[] {
  const loaded = loadStack({
    cwd: '/project',
    env: {},
    loader: {
      readFile: () => bytes(text),
      kindOf: (path) => (path === '/project/compose.yaml' ? 'file' : 'absent'),
    },
  })
  return warningsOf(loaded)
    .toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0))
    .map(({ file, line, column, message }) => `${file}:${line}:${column} ${message}`)
}

/** A stack with the lines in its service; they begin at line 4, in column 5. */
const service = (...lines: readonly string[]): string =>
  ['services:', '  web:', '    image: x', ...lines.map((line) => `    ${line}`), ''].join('\n')

test('warningsOf() places what the planner says of a value', () => {
  expect(warnings(service('ports: ["80/sctp"]', 'logging: {options: {tag: x}}'))).toEqual([
    expect.stringMatching(/^compose.yaml:4:\d+ .*ports.0.protocol.*tcp and udp/),
    expect.stringMatching(/^compose.yaml:5:25 .*logging.options.tag.*max-size/),
  ])
})

const WITHOUT_EFFECT = [
  'tty: true',
  'stdin_open: true',
  'devices: [/dev/fuse]',
  'gpus: all',
  'pid: host',
  'ipc: host',
  'uts: host',
  'cgroup: host',
  'userns_mode: keep-id',
  'cgroup_parent: x',
  'blkio_config: {weight: 10}',
  'build: .',
  'platform: linux/arm64',
  'post_start: [{command: a}]',
  'deploy: {update_config: {delay: 1s}}',
  'logging: {driver: syslog}',
  'security_opt: ["seccomp=p.json"]',
  'volumes: [{type: image, source: i, target: /i}]',
]

test.each(WITHOUT_EFFECT)('{ %s } is warned of once, in its line', (line) => {
  expect(warnings(service(line))).toEqual([expect.stringMatching(/^compose.yaml:4:\d+ /)])
})

test.each([
  'cpuset: "0"',
  'cpu_quota: 50000',
  'mem_reservation: 5m',
  'privileged: true',
  'oom_score_adj: 1',
  'mac_address: 02:42:ac:11:00:02',
  'restart: always',
  'healthcheck: {test: [CMD, a]}',
  'deploy: {restart_policy: {condition: on-failure}}',
  'logging: {driver: local, options: {max-size: 1m}}',
  'networks: {default: {gw_priority: 1}}',
  'volumes: [{type: bind, source: /a, target: /a, bind: {selinux: z}}]',
])('{ %s } has an effect, and no warning', (line) => {
  expect(warnings(service(line))).toEqual([])
})

test.each([
  ['networks: {default: {enable_ipv6: true}}', 1],
  ['networks: {default: {driver_opts: {x: "1"}}}', 1],
  ['networks: {default: {driver_opts: {com.docker.network.driver.mtu: "1400"}}}', 0],
])('%s is warned of %i times', (line, times) => {
  expect(warnings(`${service()}${line}\n`)).toHaveLength(times)
})

test('a volume with options is warned of once', () => {
  const volumes = 'volumes: {v: {driver_opts: {type: nfs}}}\n'
  expect(warnings(`${service('volumes: ["v:/v"]')}${volumes}`)).toHaveLength(1)
})
