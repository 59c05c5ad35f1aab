/** Users, capabilities, no-new-privileges and sysctls of a container. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CAPABILITIES, Program, writeXattr } from '../../src/linux/index.ts'
import { DOCKER_CAPABILITIES, fields, NONE, probeIn } from './probe.ts'
import { useWorld, type World, type Service } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const probe = (script: string, service?: Service): Promise<readonly string[]> =>
  probeIn(world, script, service)

test('a user is looked up in the container’s own files, with its groups', async () => {
  const user = { user: 'jane', groupAdd: ['games'] }
  const lines = await probe('id -u; id -g; id -G; echo $HOME; grep Cap /proc/self/status', user)
  expect(lines.slice(0, 4)).toEqual(['1000', '1000', '1000 29 44 60', '/home/jane'])
  expect(fields(lines.slice(4))).toEqual({
    CapInh: NONE,
    CapPrm: NONE,
    CapEff: NONE,
    CapBnd: DOCKER_CAPABILITIES,
    CapAmb: NONE,
  })
})

test('a user by numbers needs no line, and an unknown name is refused', async () => {
  expect(await probe('id -u; id -g', { user: '4242:4343' })).toEqual(['4242', '4343'])
  const [, start] = await world.apply({ one: { command: ['true'], user: 'nobody-here' } })
  expect(start).toMatchObject({ kind: 'failed', error: { code: 'LAUNCH' } })
})

test('no-new-privileges takes its meaning from setuid programs, which work without it', async () => {
  // Ends with the low byte of its effective user id.
  const program = new Program()
  program.call('geteuid', [], { store: program.ahead(1, 0) })
  program.call('exit_group', [0])
  const file = join(world.root, 'rootfs/bin/setuid')
  writeFileSync(file, program.image())
  chmodSync(file, 0o4755)
  const service = { command: ['/bin/setuid'], user: 'jane' }
  expect((await world.run(service)).exitCode).toBe(0)
  expect((await world.run({ ...service, noNewPrivileges: true })).exitCode).toBe(1000 & 0xff)
  const lines = await probe('grep -E "^NoNewPrivs|^Seccomp:" /proc/1/status', {
    noNewPrivileges: true,
  })
  expect(fields(lines)).toEqual({ NoNewPrivs: '1', Seccomp: '2' })
})

test('a user has no capability until execve, nor a file’s after it with no-new-privileges', async () => {
  // Ends with the low byte of the user id that it could take.
  const program = new Program()
  const failed = program.label('failed')
  program.call('setresuid', [0, 0, 0], { onError: failed })
  program.place(failed)
  program.call('geteuid', [], { store: program.ahead(1, 0) })
  program.call('exit_group', [0])
  const file = join(world.root, 'rootfs/bin/capable')
  writeFileSync(file, program.image())
  chmodSync(file, 0o755)
  // struct vfs_cap_data: revision 2, effective; CAP_SETUID permitted.
  const capability = Buffer.alloc(20)
  capability.writeUInt32LE(0x02000001, 0)
  capability.writeUInt32LE(1 << 7, 4)
  writeXattr(file, 'security.capability', capability)
  const service = { command: ['/bin/capable'], user: 'jane' }
  expect((await world.run(service)).exitCode).toBe(0)
  expect((await world.run({ ...service, noNewPrivileges: true })).exitCode).toBe(1000 & 0xff)
  // Only with root's rights could it be executed at all.
  chmodSync(file, 0o700)
  const outcomes = await world.apply({ one: service })
  const hint = expect.stringContaining('its user may not') as string
  expect(outcomes.at(-1)).toMatchObject({ error: { code: 'EXEC_NOT_EXECUTABLE', hint } })
})

test('cap_drop ALL leaves what cap_add names', async () => {
  const capabilities = { capDrop: ['ALL'], capAdd: ['NET_BIND_SERVICE', 'CHOWN'] }
  const status = fields(await probe('cat /proc/self/status', capabilities))
  const mask = (1 | (1 << 10)).toString(16).padStart(16, '0')
  expect(status).toMatchObject({ CapPrm: mask, CapEff: mask, CapBnd: mask, CapInh: NONE })
})

test('privileged takes every capability that the supervisor has, and no filter', async () => {
  const status = fields(await probe('cat /proc/self/status', { privileged: true }))
  const own = fields(readFileSync('/proc/self/status', 'utf8').split('\n').slice(0, -1))
  expect(status).toMatchObject({ CapEff: own['CapEff'], CapBnd: own['CapEff'], Seccomp: '0' })
})

test('a capability that the supervisor has not got cannot be added', async () => {
  const own = BigInt(`0x${fields(readFileSync('/proc/self/status', 'utf8').split('\n'))['CapEff']}`)
  const missing = CAPABILITIES.find((_, number) => ((own >> BigInt(number)) & 1n) === 0n)
  if (missing === undefined) return
  const outcomes = await world.apply({ one: { command: ['true'], capAdd: [missing] } })
  const message = expect.stringContaining(`"${missing}"`) as string
  expect(outcomes.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'LAUNCH', message } })
})

test('sysctls are set in the container’s own namespaces', async () => {
  const sysctls = { 'net.ipv4.ip_default_ttl': '42', 'kernel.msgmax': '1234' }
  const lines = await probe('cd /proc/sys; cat net/ipv4/ip_default_ttl kernel/msgmax', { sysctls })
  expect(lines).toEqual(['42', '1234'])
  expect(readFileSync('/proc/sys/kernel/msgmax', 'utf8').trim()).not.toBe('1234')
})

test('a sysctl of the whole machine is refused before anything starts', async () => {
  // What is there already, so that a hole does no harm.
  const value = readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim()
  for (const name of [
    'kernel.core_pattern',
    'vm.swappiness',
    'fs.file-max',
    'kernel/../x',
    'net',
  ]) {
    const sysctls = { [name]: name === 'kernel.core_pattern' ? value : '' }
    const outcomes = await world.apply({ one: { command: ['true'], sysctls } })
    expect(outcomes.at(-1)).toMatchObject({
      kind: 'failed',
      error: { code: 'LAUNCH', message: expect.stringContaining(`"${name}"`) },
    })
  }
})

test('sysctls of a namespace that is the host’s are refused', async () => {
  const sysctls = { 'net.ipv4.ip_default_ttl': '64' }
  const network = { kind: 'host' } as const
  const outcomes = await world.apply({ one: { command: ['true'], network, sysctls } })
  expect(outcomes.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'LAUNCH' } })
})
