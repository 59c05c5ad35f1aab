/** From a canonical spec to the OCI description that is launched. */
import { expect, test } from 'vitest'
import { describeContainer, type DescribeContext } from '../../src/engine/container/describe.ts'
import { checkSysctls } from '../../src/engine/container/sysctls.ts'
import { signalNumber } from '../../src/engine/container/stop.ts'
import { containerCgroup, containerPaths, rootIdOf } from '../../src/engine/paths.ts'
import { CAPABILITIES, DEFAULT_CAPABILITIES } from '../../src/linux/index.ts'
import type { ContainerSpec, MountSpec } from '../../src/planner/index.ts'
import { containerSpec } from './support.ts'

const CONTEXT: DescribeContext = {
  name: 'web',
  cgroupsPath: '/s/web',
  rootPath: '/state',
  user: { uid: 1000, gid: 100, groups: [29], home: '/home/jane' },
  image: {},
  ownCapabilities: CAPABILITIES,
}

const describe = (change: Partial<ContainerSpec>, context: Partial<DescribeContext> = {}) =>
  describeContainer(containerSpec('host:', { command: ['run'], ...change }), {
    ...CONTEXT,
    ...context,
  })

test.for<[string, Partial<ContainerSpec>, DescribeContext['image'], readonly string[]]>([
  ['the command', { command: ['a', 'b'] }, {}, ['a', 'b']],
  ['the entrypoint before the command', { entrypoint: ['e'], command: ['c'] }, {}, ['e', 'c']],
  ['the image’s own', { command: undefined }, { entrypoint: ['i'], command: ['j'] }, ['i', 'j']],
  ['a command after the image’s entrypoint', { command: ['c'] }, { entrypoint: ['i'] }, ['i', 'c']],
  [
    'an entrypoint, which drops the image’s command',
    { entrypoint: ['e'], command: undefined },
    { command: ['j'] },
    ['e'],
  ],
  ['no entrypoint at all', { entrypoint: [], command: ['c'] }, { entrypoint: ['i'] }, ['c']],
] as never)('describeContainer() runs %s', ([, change, image, args]) => {
  expect(describe(change, { image }).process.args).toEqual(args)
})

test('describeContainer() refuses to run nothing', () => {
  const nothing = { entrypoint: [], command: [] }
  expect(() => describe(nothing)).toThrow('Cannot start "web": its image says not what to run')
  expect(() => describe({ command: [''] })).toThrow(/says not what to run/)
})

test('describeContainer() merges the environment: image, then stack, then what is missing', () => {
  const image = { environment: ['PATH=/image', 'A=image', 'B=image', 'odd'] }
  expect(describe({ environment: { B: 'stack', C: '' } }, { image }).process.env).toEqual([
    'PATH=/image',
    'HOSTNAME=box',
    'A=image',
    'B=stack',
    'C=',
    'HOME=/home/jane',
  ])
  expect(describe({ environment: { HOME: '/x' }, tty: true }).process.env).toEqual(
    expect.arrayContaining(['HOME=/x', 'TERM=xterm']),
  )
})

const bounding = (change: Partial<ContainerSpec>, own?: readonly string[]) =>
  describe(change, own ? { ownCapabilities: own } : {}).process.capabilities.bounding

test('describeContainer() gives Docker’s capabilities, less and more as asked', () => {
  expect(bounding({})).toEqual(DEFAULT_CAPABILITIES)
  expect(bounding({ capDrop: ['ALL'] })).toEqual([])
  expect(bounding({ capDrop: ['ALL'], capAdd: ['CHOWN'] })).toEqual(['CHOWN'])
  expect(bounding({ capDrop: ['CHOWN'] })).not.toContain('CHOWN')
  expect(bounding({ capAdd: ['NET_ADMIN'] })).toEqual([...DEFAULT_CAPABILITIES, 'NET_ADMIN'])
  const all = bounding({ capAdd: ['ALL'], capDrop: ['SYS_ADMIN'] })
  expect(all).toEqual(CAPABILITIES.filter((name) => name !== 'SYS_ADMIN'))
})

test('describeContainer() gives nothing that the supervisor has not got', () => {
  const own = CAPABILITIES.filter((name) => name !== 'SYS_RESOURCE' && name !== 'MKNOD')
  expect(bounding({ privileged: true }, own)).toEqual(own)
  expect(bounding({ capAdd: ['ALL'] }, own)).toEqual(own)
  expect(bounding({}, own)).toEqual(DEFAULT_CAPABILITIES.filter((name) => name !== 'MKNOD'))
  expect(() => bounding({ capAdd: ['SYS_RESOURCE'] }, own)).toThrow(
    'Cannot give capability "SYS_RESOURCE" to "web": tsstack itself has not got it',
  )
})

test.each(['capAdd', 'capDrop'])(
  'describeContainer() refuses what is no capability in %s',
  (key) => {
    for (const privileged of [false, true]) {
      expect(() => bounding({ [key]: ['NOPE'], privileged })).toThrow(
        expect.objectContaining({
          message: 'Cannot start "web": unknown capability "NOPE"',
          hint: 'see capabilities(7) for their names',
        }),
      )
    }
    expect(() => bounding({ [key]: ['NET_ADMN'] })).toThrow(
      expect.objectContaining({ hint: 'Did you mean "NET_ADMIN"?' }),
    )
  },
)

test('describeContainer() hides nothing from a privileged container', () => {
  const { linux } = describe({ privileged: true })
  expect(linux).toMatchObject({ maskedPaths: [], readonlyPaths: [], seccomp: 'unconfined' })
  expect(describe({}).linux.maskedPaths).toContain('/proc/kcore')
  expect(describe({}).linux.seccomp).toBe('default')
})

test('describeContainer() takes limits as they are asked for, -1 as none', () => {
  const ulimits = { nofile: { soft: 10, hard: -1 }, nproc: { soft: 5, hard: 6 } }
  const { rlimits } = describe({ ulimits }).process
  expect(rlimits.filter(({ type }) => type === 'RLIMIT_NOFILE')).toEqual([
    { type: 'RLIMIT_NOFILE', soft: 10, hard: Infinity },
  ])
  expect(rlimits).toContainEqual({ type: 'RLIMIT_NPROC', soft: 5, hard: 6 })
})

const tmpfs = (target: string, options: readonly string[] = []): MountSpec => ({
  kind: 'tmpfs',
  target,
  options,
})

const targets = (mounts: readonly MountSpec[]) =>
  describe({ mounts }).mounts.map(({ destination }) => destination)

test('describeContainer() mounts parents before what lies in them, after its own', () => {
  const list = targets([tmpfs('/a/b/c'), tmpfs('/z'), tmpfs('/a/b/'), tmpfs('/a')])
  expect(list.slice(-4)).toEqual(['/a', '/z', '/a/b', '/a/b/c'])
  expect(list.slice(0, 2)).toEqual(['/proc', '/dev'])
})

test('describeContainer() replaces its own mounts by those of the stack', () => {
  expect(targets([tmpfs('/dev/shm')]).filter((one) => one === '/dev/shm')).toHaveLength(1)
  expect(targets([tmpfs('/dev')]).filter((one) => one.startsWith('/dev'))).toEqual(['/dev'])
})

test.for(['/', '/proc', '/proc/', '//proc/x', '/a/../proc/sys', '/..'])(
  'describeContainer() refuses a mount at %s',
  (target) => {
    expect(() => targets([tmpfs(target)])).toThrow(/nothing may be mounted there/)
  },
)

test('describeContainer() takes words of the stack off the defaults of a tmpfs', () => {
  const options = describe({ mounts: [tmpfs('/t', ['exec', 'uid=5'])] }).mounts.at(-1)?.options
  expect(options).toEqual(['nosuid', 'nodev', 'uid=5'])
})

const types = (change: Partial<ContainerSpec>) =>
  describe(change).linux.namespaces.map(({ type }) => type)

test('describeContainer() has no network namespace in the host’s network', () => {
  expect(types({})).toContain('network')
  expect(types({ network: { kind: 'host' } })).not.toContain('network')
})

const check = (names: readonly string[], change: Partial<ContainerSpec> = {}) => {
  const sysctls = Object.fromEntries(names.map((name) => [name, '1']))
  checkSysctls('web', describe({ sysctls, ...change }))
}

test('checkSysctls() allows what the container’s namespaces keep to themselves', () => {
  check(['net.core.somaxconn', 'net.ipv4.conf.eth0.forwarding', 'kernel.msgmax', 'kernel.sem'])
  check(['fs.mqueue.msg_max', 'kernel.shm_rmid_forced', 'kernel.domainname'])
})

test.for([
  'kernel.core_pattern',
  'kernel.hostname',
  'kernel.shm_next_id',
  'vm.overcommit_memory',
  'fs.file-max',
  'net',
  'net/../kernel/core_pattern',
  'net..kernel',
  'net.ipv4./../../kernel',
  '',
])('checkSysctls() refuses "%s"', (name) => {
  expect(() => check([name])).toThrow(`Cannot set sysctl "${name}" in "web"`)
})

test('checkSysctls() refuses switches of the host’s network', () => {
  expect(() => check(['net.core.somaxconn'], { network: { kind: 'host' } })).toThrow(
    /the container has the host's network/,
  )
})

test.for([
  ['SIGTERM', 15],
  ['term', 15],
  ['9', 9],
  ['SIGRTMIN', 34],
  ['RTMIN+3', 37],
  ['SIGRTMAX', 64],
  ['SIGRTMAX-1', 63],
  ['64', 64],
] as const)('signalNumber(%s) is %i', ([text, number]) => {
  expect(signalNumber(text)).toBe(number)
})

test.for(['', 'SIG', 'SIGNOPE', '0', '65', '-9', 'RTMIN+31', 'RTMAX-31', 'RTMAX-99', '9 '])(
  'signalNumber() refuses "%s"',
  (text) => {
    expect(() => signalNumber(text)).toThrow(`Cannot send signal "${text}"`)
  },
)

test('paths of two state roots never meet', () => {
  expect(rootIdOf('/a')).toMatch(/^[0-9a-f]{8}$/)
  expect(rootIdOf('/a')).not.toBe(rootIdOf('/b'))
  expect(rootIdOf('/a/../a')).toBe(rootIdOf('/a'))
})

test('containerPaths() keeps what outlives a boot apart from what does not', () => {
  const paths = { state: '/s', run: '/r', rootId: '01234567' }
  const own = containerPaths(paths, 'shop', 'shop-web-1')
  expect(own.upper).toBe('/s/stacks/shop/containers/shop-web-1/upper')
  expect(own.attempt).toBe('/r/containers/shop-web-1/attempt.json')
  expect(containerCgroup(paths, 'shop', 'shop-web-1')).toBe('tsstack/01234567/shop/shop-web-1')
})
