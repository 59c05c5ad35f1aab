/** Images in stacks: what an image says counts where the stack file says nothing. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { directory, file, tar } from '../image/archive.ts'
import { busyboxLayer } from '../image/busybox.ts'
import { writeLayout } from '../image/layout.ts'
import { type Finished, saidBy, type Sandbox } from '../support/sandbox.ts'
import { Scene } from './cli-scene.ts'

let scene: Scene
let sandbox: Sandbox
beforeEach(async () => {
  scene = await Scene.open()
  ;({ sandbox } = scene)
})
afterEach(() => scene.close())

const ok = (...words: readonly string[]): Promise<Finished> => scene.ok(...words)
const shell = async (script: string, service = 'web'): Promise<string> =>
  (await ok('exec', service, 'sh', '-c', script)).stdout

const CONFIG = {
  Env: ['FROM=image', 'BOTH=image'],
  Entrypoint: ['/bin/sleep'],
  Cmd: ['100000'],
  WorkingDir: '/srv',
  User: 'app',
  Volumes: { '/srv': {} },
  StopSignal: 'SIGKILL',
  Healthcheck: { Test: ['CMD', 'test', '-e', '/srv/seed'], Interval: 1e9 },
}

function writeImage(config: object = CONFIG): string {
  const seed = tar([directory('srv/', { uid: 123, gid: 124 }), file('srv/seed', 'from the image')])
  const busybox = busyboxLayer()
  return writeLayout(join(scene.folder, 'image'), { layers: [busybox, seed], config })
}

function writeStack(...lines: readonly string[]): void {
  const text = ['name: images', 'services:', '  web:', '    image: oci:./image', ...lines]
  writeFileSync(join(scene.folder, 'compose.yaml'), `${text.join('\n')}\n`)
}

describe('an image', () => {
  test('decides what the stack file leaves open, and the file decides the rest', async () => {
    writeImage()
    writeStack('    environment: { BOTH: file }')
    await ok('up', '-d')
    expect(await shell('id -un; pwd; echo $FROM $BOTH')).toBe('app\n/srv\nimage file\n')
    expect(await shell('cat seed; touch mine; stat -c %u .')).toBe('from the image123\n')
    const { stdout } = await ok('ps', '--json')
    const [container] = JSON.parse(stdout)
    expect(container).toMatchObject({ image: 'oci:./image', state: 'running' })
    expect(container.health).not.toBe('none')
    const [id = ''] = (await ok('images', '-q', 'web')).stdout.trim().split('\n')
    expect(id).toMatch(/^[0-9a-f]{12}$/)
    expect((await ok('images', '-q')).stdout.trim().split('\n')).toContain(id)
    expect((await scene.run('images', 'wbe')).stderr).toContain('Did you mean "web"?')
    const again = await ok('up', '-d')
    expect(again.stderr).toBe('')
    await ok('down', '-v')
    expect(await sandbox.leaks()).toBe('')
  })

  test('that has changed replaces its containers, and keeps their volumes', async () => {
    writeImage()
    writeStack()
    await ok('up', '-d')
    await shell('echo kept >/srv/mine')
    writeImage({ ...CONFIG, Env: ['FROM=the next one'] })
    const { stderr } = await ok('up', '-d')
    expect(stderr).toContain('container images-web-1: removed')
    expect(await shell('echo $FROM; cat /srv/mine')).toBe('the next one\nkept\n')
    await ok('down', '-v')
    expect(await sandbox.leaks()).toBe('')
  })

  test('that cannot be had stops "up" before anything is changed', async () => {
    writeStack()
    const { code, stderr, stdout } = await scene.run('up', '-d')
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain('image/oci-layout" does not exist')
    expect((await ok('ls', '-q')).stdout).toBe('')
    expect(await sandbox.leaks()).toBe('')
  })

  test('that is broken is refused, and the store holds nothing of it', async () => {
    writeLayout(join(scene.folder, 'image'), {
      layers: [tar([file('../../etc/evil', 'x')])],
      config: CONFIG,
    })
    writeStack()
    const result = await scene.run('up', '-d')
    expect(result.code).toBe(1)
    expect(saidBy(result)).toContain('leads out of the root')
    const kept = await sandbox.inNetns(['find', join(sandbox.root, 'state/images'), '-type', 'f'])
    expect(kept.stdout.split('\n').filter((path) => !/\/locks\/|^$/.test(path))).toEqual([])
  })
})
