/** Pulls and unpacks 200 MB in 10 layers on loopback, beside skopeo and umoci. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { file, tar } from '../test/image/archive.ts'
import { writeLayout } from '../test/image/layout.ts'
import { tsstack } from './commands.ts'
import { compare, isPresent, run, type Contender, type Group } from './measure.ts'

const PORT = 5080
const LAYERS = 10
const FILES = 300
const IMAGE = `127.0.0.1:${PORT}/bench:1`

/** Empty when there is no docker-registry or skopeo here. */
export async function imageGroups(directory: string, rounds: number): Promise<readonly Group[]> {
  const needed = await Promise.all(['docker-registry', 'skopeo', 'umoci'].map(isPresent))
  if (needed.includes(false)) {
    console.error('bench: without images: docker-registry, skopeo or umoci is missing')
    return []
  }
  const registry = serve(directory)
  try {
    await upload(directory)
    const rows = await compare(
      {
        'skopeo copy + umoci unpack': peer(directory),
        'tsstack image pull': async () => {
          const begun = performance.now()
          await tsstack('image', 'pull', IMAGE)
          const took = performance.now() - begun
          await tsstack('image', 'prune', '--all')
          return took
        },
      },
      rounds,
    )
    return [
      {
        title: 'Image of 200 MB, 10 layers, 3,000 files',
        note: 'From a registry on loopback to root file systems; tsstack waits for the disk.',
        unit: 'ms',
        yardstick: 'skopeo copy + umoci unpack',
        rows,
      },
    ]
  } finally {
    registry.kill('SIGKILL')
  }
}

function serve(directory: string): ChildProcess {
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(directory, 'registry') } },
    http: { addr: `127.0.0.1:${PORT}` },
  }
  const path = join(directory, 'registry.json')
  writeFileSync(path, JSON.stringify(config))
  return spawn('docker-registry', ['serve', path], { stdio: 'ignore' })
}

/** Half of every file packs well, the other half not at all, as in programs. */
async function upload(directory: string): Promise<void> {
  const layers = Array.from({ length: LAYERS }, (_, layer) =>
    tar(Array.from({ length: FILES }, (_, at) => ({
      ...file(`layer${layer}/d${at % 20}/f${at}`),
      content: content(at % 50 === 0 ? 1_500_000 : 40_000),
    }))),
  ) // oxfmt-ignore
  const layout = writeLayout(join(directory, 'layout'), { layers, tag: 'v1' })
  for (let tries = 1; ; tries += 1) {
    try {
      const words = ['copy', '-q', '--insecure-policy', '--dest-tls-verify=false']
      await run('skopeo', [...words, `oci:${layout}:v1`, `docker://${IMAGE}`])
      return
    } catch (error) {
      if (tries === 20) throw error
      await sleep(200)
    }
  }
}

function content(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes, 'function return import const value of the quick brown fox ')
  for (let at = 0; at < bytes; at += 100) randomFillSync(buffer, at, Math.min(45, bytes - at))
  return buffer
}

function peer(directory: string): Contender {
  const [layout, bundle] = [join(directory, 'peer'), join(directory, 'bundle-peer')]
  return async () => {
    for (const path of [layout, bundle]) rmSync(path, { recursive: true, force: true })
    const words = ['copy', '-q', '--insecure-policy', '--src-tls-verify=false']
    await run('skopeo', [...words, `docker://${IMAGE}`, `oci:${layout}:v1`])
    await run('umoci', ['unpack', '--image', `${layout}:v1`, bundle])
  }
}
