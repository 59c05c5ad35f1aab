/** What containers read in /etc, and which program they get, on the real kernel. */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { MountSpec } from '../../../src/planner/index.ts'
import { attached, type Service, sh, World } from '../support.ts'

let world: World
beforeAll(async () => {
  world = await World.open()
})
afterEach(async () => {
  await world.down()
  // What `host:` is made of stays, for the next container.
  rmSync(join(world.root, 'state/rootfs'), { recursive: true, force: true })
  expect(await world.leaks()).toBe('')
})
afterAll(() => world.close())

const networks = [{ name: 'front', subnets: [{ subnet: '10.77.1.0/24' }] }]
const extraHosts = [
  { name: 'host', address: 'host-gateway' },
  { name: 'db', address: '192.0.2.7' },
]
const SHOW: Service = sh('tail -n +7 /etc/hosts; cat /etc/resolv.conf /etc/hostname; sleep 1000')
const lines = async (service: string, wanted: RegExp) => {
  await world.line(service, wanted)
  return (await world.exec(service, 'tail -n +7 /etc/hosts; cat /etc/resolv.conf')).stdout
}

test('a container on a network finds itself, the host and our resolver in /etc', async () => {
  await world.up({ one: { ...SHOW, ...attached('front'), extraHosts } }, { networks })
  const text = await lines('one', /^box$/)
  expect(text).toMatch(/^10\.77\.1\.1\thost\n192\.0\.2\.7\tdb\n10\.77\.1\.2\tbox tst-one-1\n/)
  expect(text).toContain('\nnameserver 127.0.0.11\n')
})

test('a container in another one’s network has its address and resolver', async () => {
  const sharer: Service = {
    ...SHOW,
    hostname: 'guest',
    extraHosts,
    network: { kind: 'service', service: 'one' },
    dependsOn: [{ service: 'one', condition: 'service_started', required: true, restart: false }],
  }
  await world.up({ one: { ...SHOW, ...attached('front') }, two: sharer }, { networks })
  const text = await lines('two', /^guest$/)
  expect(text).toMatch(/^10\.77\.1\.1\thost\n192\.0\.2\.7\tdb\n10\.77\.1\.2\tguest tst-two-1\n/)
  expect(text).toContain('\nnameserver 127.0.0.11\n')
})

test('a container without networks has the servers of the host', async () => {
  await world.up({ one: SHOW, two: { ...SHOW, network: { kind: 'host' } } })
  const servers = readFileSync('/etc/resolv.conf', 'utf8').match(/^nameserver.*$/gm) ?? []
  for (const service of ['one', 'two']) {
    const text = await lines(service, /^box$/)
    expect(text.match(/^nameserver.*$/gm) ?? []).toEqual(servers)
    expect(text).not.toContain('tst-')
  }
})

const bind = (source: string, target: string): MountSpec => ({
  kind: 'bind',
  source,
  target,
  readOnly: true,
  createHostPath: false,
})

test('a program that lies on a bind is found, by PATH and by its path', async () => {
  const source = join(world.root, 'tools')
  mkdirSync(source, { recursive: true })
  for (const [name, mode] of [
    ['greet', 0o755],
    ['text', 0o644],
  ] as const) {
    writeFileSync(join(source, name), '#!/bin/sh\necho "hello from $0"\n')
    chmodSync(join(source, name), mode)
  }
  const mounts = [bind(source, '/opt/tools'), bind(join(source, 'greet'), '/bin/single')]
  const run = async (name: string, workingDir = '/') =>
    (
      await world.run({
        command: [name],
        environment: { PATH: '/bin:/opt/tools' },
        mounts,
        workingDir,
      })
    ).output
  expect(await run('greet')).toBe('hello from /opt/tools/greet\n')
  expect(await run('single')).toBe('hello from /bin/single\n')
  expect(await run('./greet', '/opt/tools')).toContain('hello from ')
  const outcomes = await world.apply({ one: { command: ['/opt/tools/text'], mounts } })
  expect(outcomes.find(({ kind }) => kind === 'failed')).toMatchObject({
    error: { code: 'EXEC_NOT_EXECUTABLE', message: 'exec: "/opt/tools/text": permission denied' },
  })
})

test('read_only: is read-only in /usr as well, and host: has no shadow', async () => {
  const script =
    'touch /x /usr/x /usr/bin/x 2>&1; test -e /etc/shadow || echo none; test -e /work || echo none'
  const { output } = await world.run({
    ...sh(script),
    image: 'host:',
    readOnly: true,
  })
  expect(output.match(/Read-only file system/g)).toHaveLength(3)
  expect(output.match(/none/g)).toHaveLength(2)
})
