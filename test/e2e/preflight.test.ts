/** What is in the way of a stack: all of it at once, with its places, and nothing touched. */
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { type Scene, shell, useScene } from './cli-scene.ts'
import { Staying } from './staying.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const HOLD = [
  'import socket, sys, time',
  's = socket.socket()',
  's.bind(("0.0.0.0", 18080))',
  's.listen()',
  'print("held", flush=True)',
  'time.sleep(1000)',
].join('\n')

/** Has port 18080 until it is ended, or the sandbox is closed. */
async function holdPort(): Promise<{ readonly pid: number; readonly end: () => Promise<void> }> {
  const holder = scene.sandbox.startInNetns(['python3', '-c', HOLD])
  await once(holder.stdout, 'data')
  const ended = once(holder, 'exit')
  return {
    pid: holder.pid ?? 0,
    end: async () => {
      holder.kill('SIGKILL')
      await ended
    },
  }
}

const SHOP = `name: shop
services:
  web:
    image: 'host:'
    command: [sleep, infinity]
    ports:
      - '18081:81'
      - '18080:80'
    networks: [front]
    secrets: [key]
    volumes:
      - { type: bind, source: ./absent, target: /x, bind: { create_host_path: false } }
      - data:/data
networks:
  front: { external: true }
volumes:
  data: { external: true, name: mine }
secrets:
  key: { external: true }
`

test('plan and up name all that is in the way, where it stands, and change nothing', async () => {
  scene.save('compose.yaml', SHOP)
  const { pid, end } = await holdPort()
  const told = [
    `compose.yaml:8:9: error: Cannot publish port 18080 of "web": it is used by python3 (pid ${pid}`,
    'compose.yaml:12:9: error: Cannot mount "',
    'compose.yaml:15:3: error: Cannot use network "front": it is declared external, and does not exist',
    'compose.yaml:17:3: error: Cannot use volume "mine": it is declared external, and does not exist',
    'compose.yaml:19:3: error: Cannot read the secret "key" of "shop-web-1"',
    'error: Cannot begin: 5 things are in the way; nothing was changed [ACTION_FAILED]',
  ]
  const planned = await scene.run('plan')
  expect(planned.code).toBe(1)
  expect(planned.stdout).toContain('+ container shop-web-1: not created yet')
  for (const words of [['up', '-d'], ['up', '--dry-run'], ['create']]) {
    const { code, stderr } = await scene.run(...words)
    expect(code, words.join(' ')).toBe(1)
    for (const line of told.slice(0, words[0] === 'create' ? 0 : 6)) expect(stderr).toContain(line)
  }
  for (const line of told) expect(planned.stderr).toContain(line)
  expect(planned.stderr).toContain("8 |       - '18080:80'\n    |         ^^^^^^^^^^\n")
  expect((await scene.ok('ps', '-a', '-q')).stdout).toBe('')
  const { problems } = JSON.parse((await scene.run('plan', '--json')).stdout)
  expect(problems[3]).toEqual({
    rule: 'mount-source',
    message: expect.stringContaining('Cannot use volume "mine"'),
    hint: 'make it with "tsstack volume create mine", or remove "external"',
    file: 'compose.yaml',
    line: 17,
    column: 3,
  })
  await end()
  expect(await scene.sandbox.leaks()).toBe('')
})

test('plan foresees a port of another stack, and says it as up does', async () => {
  const service =
    "services: { web: { image: 'host:', command: [sleep, inf], ports: ['18080:80'] } }\n"
  scene.save('one.yaml', `name: one\n${service}`)
  scene.save('compose.yaml', `name: two\n${service}`)
  await scene.ok('-f', 'one.yaml', 'up', '-d')
  const refused = await scene.run('up', '-d')
  expect(refused.stderr).toMatch(
    /^compose\.yaml:2:\d+: error: Cannot publish port 18080 of "web": it is used by container "one-web-1" of stack "one"; stop it or change the published port$/m,
  )
  const planned = await scene.run('plan')
  expect([planned.code, planned.stderr]).toEqual([1, refused.stderr.replace(/^Plan: .*\n/, '')])
  await scene.ok('-f', 'one.yaml', 'down')
  expect((await scene.run('plan')).code).toBe(2)
  expect(await scene.sandbox.leaks()).toBe('')
})

test('run names what is in its way as well', async () => {
  scene.save('compose.yaml', SHOP)
  const { code, stderr } = await scene.run('run', '--rm', 'web', 'true')
  expect(code).toBe(1)
  expect(stderr).toContain('compose.yaml:15:3: error: Cannot use network "front"')
  expect(stderr).toContain('compose.yaml:17:3: error: Cannot use volume "mine"')
  expect(await scene.sandbox.leaks()).toBe('')
})

/** Nothing listens there: who asks it says ECONNREFUSED. */
const FAR = '127.0.0.1:5999/far:1'

const withWeb = (...lines: readonly string[]): string =>
  ['name: cli', 'services:', '  web:', ...lines.map((line) => `    ${line}`), ''].join('\n')

test('what is in the way is told before anything is fetched', async () => {
  const refused = 'compose.yaml:5:13: error: Cannot publish port 18080 of "web"'
  scene.save('compose.yaml', withWeb(`image: ${FAR}`, "ports: ['18080:80']"))
  const { end } = await holdPort()
  const commands = [
    ['up', '-d'],
    ['up', '--watch'],
    ['up', '-d', '--pull', 'always'],
    ['create'],
    ['run', '--service-ports', 'web'],
  ]
  for (const words of commands) {
    const { code, stderr } = await scene.run(...words)
    expect(code, words.join(' ')).toBe(1)
    expect(stderr).toContain(refused)
    expect(stderr).not.toMatch(/ECONNREFUSED|pull/i)
  }
  await end()
  for (const words of commands) {
    expect((await scene.run(...words)).stderr, words.join(' ')).toContain('ECONNREFUSED')
  }
  expect(await scene.sandbox.leaks()).toBe('')
})

test('what is in the way is told before anything is built', async () => {
  const refused = 'compose.yaml:5:13: error: Cannot publish port 18080 of "web"'
  scene.save('compose.yaml', withWeb('build: .', "ports: ['18080:80']"))
  scene.save('Dockerfile', `FROM ${FAR}\n`)
  const { end } = await holdPort()
  const commands = [
    ['up', '-d'],
    ['up', '-d', '--build'],
    ['run', '--service-ports', 'web'],
  ]
  for (const words of commands) {
    const { code, stderr } = await scene.run(...words)
    expect(code, words.join(' ')).toBe(1)
    expect(stderr).toContain(refused)
    expect(stderr).not.toMatch(/ECONNREFUSED|FROM/)
  }
  await end()
  for (const words of commands) {
    expect((await scene.run(...words)).stderr, words.join(' ')).toContain('ECONNREFUSED')
  }
  expect(await scene.sandbox.leaks()).toBe('')
})

test('up --watch goes on when an edit asks for a port that is taken', async () => {
  const write = (ports: string): void =>
    scene.save(
      'compose.yaml',
      `name: cli\nservices:\n  web:\n    image: 'host:'\n    init: true\n    ${shell('echo up; exec sleep infinity')}\n    ports: [${ports}]\n`,
    )
  write('')
  await holdPort()
  const up = new Staying(scene, 'up', '--watch')
  await up.says(/watching: .*\n/, /web-1 {2}\| up\n/)
  write("'18080:80'")
  const told = await up.says(/^not applied: the stack stays as it was/m)
  expect(told).toMatch(/^compose\.yaml:7:13: error: Cannot publish port 18080 of "web"/m)
  write("'18082:80'")
  await up.says(/^applied in \d+ ms\n/m)
  expect((await scene.ok('ps')).stdout).toMatch(/18082->80/)
  await up.interrupt()
  await scene.ok('down')
})
