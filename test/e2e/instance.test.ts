/** Isolated instances as a user meets them: copies of one stack beside each other. */
import { expect, test } from 'vitest'
import { type Scene, shell, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const ok = (...words: readonly string[]) => scene.ok(...words)

test('--instance runs copies beside each other, each with its names and ports', async () => {
  const serve = 'mkdir /www; hostname > /www/name; exec busybox httpd -f -p 80 -h /www'
  scene.write({ web: [shell(serve), "ports: ['8080:80']"] })
  scene.replace('network_mode: none', 'networks: [default]')
  await ok('up', '-d')
  await ok('--instance', 'one', 'up', '-d')
  await ok('up', '-d', '--instance', 'two')
  const urls = await Promise.all(
    [[], ['--instance', 'one'], ['--instance', 'two']].map(async (words) =>
      (await ok('url', ...words, 'web')).stdout.trim(),
    ),
  )
  expect(urls[0]).toBe('http://127.0.0.1:8080')
  expect(new Set(urls).size).toBe(3)
  const names = await Promise.all(urls.map((url) => scene.sandbox.curl(`${url}/name`)))
  expect(names.map((name) => name.trim())).toEqual(['cli-web-1', 'cli-one-web-1', 'cli-two-web-1'])
  // The same block every time; and nothing of the others is touched.
  await ok('down', '--instance', 'one')
  await ok('up', '-d', '--instance', 'one')
  expect((await ok('url', '--instance', 'one', 'web')).stdout.trim()).toBe(urls[1])
  expect((await ok('ls', '--json')).stdout).toMatch(/"cli-two"/)
  const wrong = await scene.run('--instance', 'No Good', 'up', '-d')
  expect(wrong).toMatchObject({ code: 2 })
  expect(wrong.stderr).toContain('lower-case letters, digits')
  for (const words of [[], ['--instance', 'one'], ['--instance', 'two']]) {
    await ok('down', '-t', '0', ...words)
  }
  expect(await scene.sandbox.leaks()).toBe('')
})

test('run in an instance has its ports, networks and volumes, whatever names the file gives them', async () => {
  scene.write({
    web: ['command: [sleep, infinity]', "ports: ['8080:80']", "volumes: ['data:/data']"],
  })
  scene.replace('network_mode: none', 'networks: [default]')
  scene.append('volumes: { data: { name: shared } }')
  scene.append('networks: { default: { name: wires } }')
  await ok('up', '-d')
  await ok('exec', 'web', 'touch', '/data/of-the-first')
  await ok('--instance', 'one', 'run', '-d', '--name', 'own', '-P', '-p', '8085:85', 'web')
  const [own] = JSON.parse((await ok('--instance', 'one', 'ps', '-a', '--json')).stdout)
  const ports = own.ports.map((port: { published: number }) => port.published)
  await ok('--instance', 'one', 'up', '-d', '--no-start')
  const served = JSON.parse((await ok('config', '--format', 'json')).stdout)
  expect(served.services.web.ports[0].published).toBe('8080')
  expect(ports).toHaveLength(2)
  expect(ports).toContain(8085)
  expect(ports).not.toContain(8080)
  expect((await ok('--instance', 'one', 'exec', 'web', 'ls', '/data')).stdout).toBe('')
  expect((await ok('volume', 'ls', '-q')).stdout).toMatch(/^shared\nshared-one$/m)
  expect((await ok('network', 'ls')).stdout).toContain('wires-one')
  await ok('--instance', 'one', 'down', '-v', '-t', '0')
  await ok('down', '-v', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
})
