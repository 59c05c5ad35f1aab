/** Names of stacks for programs of the host: opt-in, by a resolver of its own. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { type Scene, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const ADDRESS = '127.0.0.55'

function configure(names: unknown): void {
  const state = join(scene.sandbox.root, 'state')
  mkdirSync(state, { recursive: true, mode: 0o700 })
  writeFileSync(join(state, 'config.json'), JSON.stringify({ names }), { mode: 0o600 })
}

async function dig(...words: readonly string[]): Promise<string> {
  const asked = ['dig', `@${ADDRESS}`, '-p', '53', '+time=30', '+tries=1', ...words]
  return (await scene.sandbox.inNetns(asked)).stdout
}

const short = async (...words: readonly string[]): Promise<string> => dig('+short', ...words)

function write(replicas: number): void {
  const lines = [
    'name: shop',
    'services:',
    '  web:',
    "    image: 'host:'",
    '    init: true',
    '    command: [sleep, infinity]',
    `    deploy: { replicas: ${replicas} }`,
    'networks: { default: { enable_ipv6: true } }',
    '',
  ]
  writeFileSync(join(scene.folder, 'compose.yaml'), lines.join('\n'))
}

test('dig finds services, replicas and what is before them, by udp and tcp', async () => {
  configure({ listen: ADDRESS })
  write(2)
  await scene.ok('up', '-d')
  const both = (await short('web.shop.localhost')).trim().split('\n')
  expect(both).toHaveLength(2)
  // Which of them has which depends on which was started first.
  const each = ['web-1.shop.localhost', 'web-2.shop.localhost']
  const found = await Promise.all(each.map((name) => short('+tcp', name)))
  expect(found.map((text) => text.trim()).toSorted()).toEqual(both.toSorted())
  expect((await short('api.web.shop.localhost')).trim().split('\n')).toHaveLength(2)
  expect(await short('AAAA', 'WEB-1.Shop.localhost')).toMatch(/^fd[\da-f:]+\n$/)
  expect(await dig('nothing.shop.localhost')).toContain('status: NXDOMAIN')
  expect(await short('elsewhere.localhost')).toBe('127.0.0.1\n')
  expect(await dig('example.org')).toContain('status: REFUSED')
  const [first = ''] = both
  const pinged = await scene.sandbox.inNetns(['busybox', 'ping', '-c1', '-W30', first])
  expect(pinged.code).toBe(0)
  expect((await scene.ok('info')).stdout).toContain(
    `names:        SERVICE.STACK.localhost at ${ADDRESS} port 53`,
  )
  write(1)
  await scene.ok('up', '-d')
  expect((await short('web.shop.localhost')).trim().split('\n')).toHaveLength(1)
  await scene.ok('down')
  expect(await scene.sandbox.leaks({ kept: /\/state\/config\.json$/ })).toBe('')
})

test('a domain of its own is served; an address that is taken is told, and harms nobody', async () => {
  configure({ listen: `${ADDRESS}:53`, domain: 'stacks.internal' })
  write(1)
  await scene.ok('up', '-d')
  expect(await short('web.shop.stacks.internal')).toMatch(/^10\./)
  expect(await dig('web.shop.localhost')).toContain('status: REFUSED')
  await scene.ok('down')
  await until(async () => dig('x.stacks.internal'), /connection refused|no servers/)
  const taken = scene.sandbox.startInNetns(['socat', `UDP-LISTEN:53,bind=${ADDRESS}`, 'PIPE'])
  await until(async () => (await scene.sandbox.inNetns(['ss', '-ulnH'])).stdout, /127\.0\.0\.55:53/)
  await scene.ok('up', '-d')
  expect((await scene.ok('info')).stdout).toMatch(/names: +not answered: .*EADDRINUSE/)
  taken.kill()
})

test.each([
  { listen: '0.0.0.0:53' },
  { listen: '10.0.0.1' },
  'yes',
  { listen: ADDRESS, domain: '' },
])('names that are %j are refused before anything is made', async (names) => {
  configure(names)
  write(1)
  const { code, stderr } = await scene.run('up', '-d')
  expect(code).not.toBe(0)
  expect(stderr).toContain('Cannot read "names" of')
  expect(stderr).toContain('{"listen": "127.0.0.55:53", "domain": "localhost"}')
})
