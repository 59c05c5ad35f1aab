/** Hooks around the life of a container, and scale. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { busyboxLayer } from '../image/busybox.ts'
import { writeLayout } from '../image/layout.ts'
import { type Scene, SLEEP, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const ok = (...words: readonly string[]) => scene.ok(...words)
const run = (...words: readonly string[]) => scene.run(...words)
const hook = (kind: string, ...scripts: readonly string[]): string => {
  const list = scripts.map((script) => ({ command: ['sh', '-c', script] }))
  return `${kind}: ${JSON.stringify(list)}`
}
const note = (text: string): string => `echo ${text} >> /data/log`

function write(...lines: readonly string[]): void {
  scene.write({ web: [...SLEEP, 'volumes: ["data:/data"]', ...lines] })
  scene.append('volumes: { data: {} }')
}

const log = (): string =>
  readFileSync(join(scene.sandbox.root, 'state/volumes/cli_data/data/log'), 'utf8')

test('hooks run in their order, around every start and stop that the user asks for', async () => {
  write(
    hook('pre_start', note('before-1'), note('before-2')),
    hook('post_start', note('started')),
    hook('pre_stop', note('stopping')),
  )
  await ok('up', '-d')
  expect(log()).toBe('before-1\nbefore-2\nstarted\n')
  await ok('up', '-d')
  await ok('scale', 'web=2')
  // Not again while a replica runs.
  expect(log()).toBe('before-1\nbefore-2\nstarted\nstarted\n')
  expect((await ok('ps', '-aq')).stdout).toBe('cli-web-1\ncli-web-2\n')
  await ok('scale', 'web=1')
  await ok('restart')
  const rest = 'stopping\nstopping\nbefore-1\nbefore-2\nstarted\n'
  expect(log()).toBe(`before-1\nbefore-2\nstarted\nstarted\n${rest}`)
  await ok('down', '-v')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('a pre_start hook that fails leaves the service created, and names the culprit', async () => {
  write(hook('pre_start', note('first'), 'echo broken >&2; exit 3', note('never')))
  const result = await run('up', '-d')
  expect(result.code).toBe(1)
  expect(result.stderr).toContain('its pre_start hook 2 ended with status 3: broken')
  expect(log()).toBe('first\n')
  expect((await ok('ps', '-a')).stdout).toMatch(/cli-web-1 +web +created/)
  expect((await ok('ps', '-aq')).stdout).toBe('cli-web-1\n')
  await ok('down', '-v')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('a pre_start hook per replica runs before each, as the user and where the file says', async () => {
  const each = 'echo each $WORD $(id -u) $(pwd) >> /data/log'
  const own = { per_replica: true, user: 'nobody', working_dir: '/tmp', environment: { WORD: 'x' } }
  const all = { command: ['sh', '-c', `chmod 777 /data; touch /data/log; chmod 666 /data/log`] }
  const hooks = [all, { command: ['sh', '-c', each.replaceAll('$', '$$$$')], ...own }]
  write('scale: 2', `pre_start: ${JSON.stringify(hooks)}`)
  await ok('up', '-d')
  expect(log()).toBe('each x 65534 /tmp\neach x 65534 /tmp\n')
  await ok('up', '-d', '--scale', 'web=3')
  expect(log()).toBe('each x 65534 /tmp\n'.repeat(3))
  await ok('down', '-v', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('hooks inside run as the user, where, and with the privilege that the file says', async () => {
  const script = 'echo $WORD $(id -u) $(pwd) $(grep CapEff /proc/self/status) >> /data/log'
  const command = ['sh', '-c', script.replaceAll('$', '$$$$')]
  const own = { command, user: 'nobody', working_dir: '/tmp', environment: { WORD: 'own' } }
  const lines = [own, { command, privileged: true, environment: { WORD: 'mighty' } }]
  const open = { command: ['chmod', '777', '/data'] }
  write(
    `post_start: ${JSON.stringify([open, ...lines.slice(0, 1), { command: ['chmod', '666', '/data/log'] }])}`,
    `pre_stop: ${JSON.stringify(lines)}`,
  )
  await ok('up', '-d')
  expect(log()).toBe('own 65534 /tmp CapEff: 0000000000000000\n')
  await ok('stop')
  const [, again, mighty = ''] = log().split('\n')
  expect(again).toBe('own 65534 /tmp CapEff: 0000000000000000')
  expect(mighty).toMatch(/^mighty 0 \/ CapEff: 0000[0-9a-f]+$/)
  const most = Number.parseInt(mighty.slice(-10), 16)
  expect(most).toBeGreaterThan(0xa80425fb)
  await ok('down', '-v', '-t', '0')
})

test('a pre_start hook without words runs what its image is made for', async () => {
  const note = ['/bin/busybox', 'sh', '-c', 'echo made for it $WORD >> /data/log']
  const layers = [busyboxLayer()]
  writeLayout(join(scene.folder, 'image'), { layers, config: { Cmd: note, Env: ['WORD=well'] } })
  write('pre_start: [{ image: "oci:./image" }]')
  await ok('up', '-d')
  expect(log()).toBe('made for it well\n')
  // The image of a hook is in use as long as its container is there.
  await ok('image', 'prune', '-a', '-f')
  await ok('stop', '-t', '0')
  await ok('start')
  expect(log()).toBe('made for it well\nmade for it well\n')
  await ok('down', '-v', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('a post_start hook that fails makes up fail', async () => {
  write(hook('post_start', 'exit 5'))
  const result = await run('up', '-d')
  expect(result).toMatchObject({ code: 1 })
  expect(result.stderr).toContain('its post_start hook 1 ended with status 5')
  await ok('down', '-v')
})

test('a pre_stop hook that fails makes down fail, unless there is no time for it', async () => {
  write(hook('pre_stop', 'exit 4'))
  await ok('up', '-d')
  const result = await run('down')
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/its pre_stop hook 1 ended with status 4.*\n.*-t 0/)
  expect((await ok('ps')).stdout).toMatch(/cli-web-1 +web +running/)
  await ok('down', '-v', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('scale refuses what it cannot read, and services that are not there', async () => {
  scene.write({ web: SLEEP })
  expect((await run('scale', 'web')).stderr).toContain('it looks like web=3')
  const wrong = await run('scale', 'wbe=2')
  expect(wrong.code).toBe(1)
  expect(wrong.stderr).toContain('Did you mean "web"?')
})
