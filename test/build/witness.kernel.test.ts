/** What is built, as umoci and skopeo see it: they read the image by the specification alone. */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type BuildScene, buildScene, type Built } from './build-scene.ts'

const run = (program: string, ...words: readonly string[]): string =>
  execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

/** An OCI layout with the image under the tag `built`. */
function layout({ directory, store }: BuildScene, { manifest }: Built): string {
  const path = join(directory, 'layout')
  mkdirSync(join(path, 'blobs'), { recursive: true })
  cpSync(join(store.directory, 'blobs'), join(path, 'blobs/sha256'), { recursive: true })
  const size = lstatSync(join(path, 'blobs', manifest.replace(':', '/'))).size
  const index = {
    schemaVersion: 2,
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: manifest,
        size,
        annotations: { 'org.opencontainers.image.ref.name': 'built' },
      },
    ],
  }
  writeFileSync(join(path, 'index.json'), JSON.stringify(index))
  writeFileSync(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  return path
}

test('umoci unpacks an image as it was built, and skopeo reads its settings', async () => {
  using scene = buildScene()
  scene.files({ 'app/run': '#!/bin/sh\n', 'app/data/f': 'data', 'new/f': 'new' })
  chmodSync(join(scene.context, 'app/run'), 0o4755)
  symlinkSync('data/f', join(scene.context, 'app/link'))
  const text = [
    'FROM scratch',
    'COPY --chown=7:8 app /app/',
    'COPY new /app/data/',
    'WORKDIR /app/work',
    'ENV MODE=test',
    'EXPOSE 80',
    'ENTRYPOINT ["/app/run"]',
    '',
  ].join('\n')
  const built = await scene.build(text, { labels: { made: 'here' } })
  const path = layout(scene, built)
  const inspected = JSON.parse(run('skopeo', 'inspect', '--config', `oci:${path}:built`))
  expect(inspected).toEqual(built.document)
  expect(JSON.parse(run('skopeo', 'inspect', `oci:${path}:built`))).toMatchObject({
    Labels: { made: 'here' },
    Os: 'linux',
  })
  const bundle = join(scene.directory, 'bundle')
  run('umoci', 'unpack', '--image', `${path}:built`, bundle)
  const root = join(bundle, 'rootfs')
  expect(readFileSync(join(root, 'app/link'), 'utf8')).toBe('new')
  const { mode, uid, gid } = lstatSync(join(root, 'app/run'))
  expect([mode & 0o7777, uid, gid]).toEqual([0o4755, 7, 8])
  expect(existsSync(join(root, 'app/work'))).toBe(true)
  const { process } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'))
  expect(process).toMatchObject({ args: ['/app/run'], cwd: '/app/work' })
  expect(process.env).toContain('MODE=test')
})
