/** What containers become, and what other engines leave: commit, export, import-docker. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { digestOf } from '../../src/image/index.ts'
import { directory, file, tar } from '../image/archive.ts'
import { busyboxLayer } from '../image/busybox.ts'
import { writeLayout } from '../image/layout.ts'
import { type Finished, type Sandbox, succeeded } from '../support/sandbox.ts'
import { Scene } from './cli-scene.ts'

let scene: Scene
let sandbox: Sandbox
beforeEach(async () => {
  scene = await Scene.open()
  ;({ sandbox } = scene)
})
afterEach(() => scene.close())

const ok = (...words: readonly string[]): Promise<Finished> => scene.ok(...words)

function writeStack(image: string, ...lines: readonly string[]): void {
  const text = ['name: shop', 'services:', '  web:', `    image: ${image}`, ...lines]
  writeFileSync(join(scene.folder, 'compose.yaml'), `${text.join('\n')}\n`)
}

function writeImage(): void {
  const layers = [busyboxLayer(), tar([directory('old/'), file('old/gone', ''), file('kept', '')])]
  writeLayout(join(scene.folder, 'image'), { layers, config: { Cmd: ['sleep', '1000'] } })
}

test('a container becomes an image, without its volumes, and an archive', async () => {
  writeImage()
  writeStack('oci:./image', '    volumes: [/data]')
  await ok('up', '-d')
  const script = 'echo new >/new; echo x >/data/own; rm -r /old; mkdir /old; touch /old/fresh'
  await ok('exec', 'web', 'sh', '-c', script)
  await ok('export', 'web', '-o', join(scene.folder, 'out.tar'))
  const listed = execFileSync('tar', ['-tf', join(scene.folder, 'out.tar')], { encoding: 'utf8' })
  const names = listed.split('\n').filter((name) => !/^bin|^etc|^tmp|^$/.test(name))
  expect(names).toEqual(['./', 'data/', 'kept', 'new', 'old/', 'old/fresh'])
  await ok('commit', '-c', 'ENV FROM=commit', 'web', 'mine:1')
  await ok('down', '-v')
  writeStack('mine:1', '    pull_policy: never')
  await ok('up', '-d')
  const seen = await ok('exec', 'web', 'sh', '-c', 'cat /new; ls / /old; echo $FROM')
  expect(seen.stdout).toContain('new\n')
  expect(seen.stdout).toContain('/old:\nfresh\ncommit\n')
  expect(seen.stdout).not.toContain('data')
  await ok('down')
  expect(await sandbox.leaks()).toBe('')
})

test('images and volumes of podman run here without a registry', async () => {
  writeImage()
  const store = join(scene.folder, 'storage')
  const place = `containers-storage:[overlay@${store}+${store}.run]localhost/theirs:1`
  const source = `oci:${join(scene.folder, 'image')}:latest`
  // Its library leaves a mount behind, which goes with this namespace.
  const skopeo = ['unshare', '-m', 'skopeo', '--insecure-policy', 'copy', '-q', source, place]
  const copied = await sandbox.inNetns(skopeo)
  succeeded(copied)
  const data = join(store, 'volumes/shop_data/_data')
  mkdirSync(data, { recursive: true })
  writeFileSync(join(data, 'theirs'), 'kept')
  await ok('import-docker', '--volumes', store)
  writeStack('localhost/theirs:1', '    pull_policy: never', '    volumes: ["data:/vol"]')
  const text = '\nvolumes: { data: {} }\n'
  writeFileSync(join(scene.folder, 'compose.yaml'), text, { flag: 'a' })
  await ok('up', '-d')
  expect((await ok('exec', 'web', 'cat', '/vol/theirs')).stdout).toBe('kept')
  await ok('down', '-v')
  expect(await sandbox.leaks()).toBe('')
})

test("images of Docker's own store run here", async () => {
  const docker = join(scene.folder, 'docker')
  const [images, layers] = [join(docker, 'image/overlay2'), join(docker, 'overlay2')]
  const diffId = digestOf('the digest is only a name in there')
  const config = JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    config: { Cmd: ['sleep', '1000'] },
    rootfs: { type: 'layers', diff_ids: [diffId] },
  })
  const id = digestOf(config)
  const content = join(images, 'imagedb/content/sha256')
  const chain = join(images, 'layerdb/sha256', diffId.slice(7))
  for (const path of [content, chain, join(layers, 'abc/diff')])
    mkdirSync(path, { recursive: true })
  writeFileSync(join(content, id.slice(7)), config)
  writeFileSync(join(chain, 'cache-id'), 'abc')
  execFileSync('tar', ['-C', join(layers, 'abc/diff'), '-xf', '-'], { input: busyboxLayer() })
  const repositories = { Repositories: { theirs: { 'theirs:1': id } } }
  writeFileSync(join(images, 'repositories.json'), JSON.stringify(repositories))
  await ok('import-docker', docker)
  rmSync(docker, { recursive: true })
  writeStack('theirs:1', '    pull_policy: never')
  await ok('up', '-d')
  expect((await ok('exec', 'web', 'id', '-u')).stdout).toBe('0\n')
  await ok('down')
})
