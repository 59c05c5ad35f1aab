/** A bundle of busybox and the built `tsstack-oci`, with a root of its own for its containers. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import type { RuntimeSpec } from '../../src/oci/spec.ts'
import { leaks, type LeakScope, snapshot, type Snapshot } from '../support/leak.ts'

const RUNTIME = join(import.meta.dirname, '../../bin/tsstack-oci.js')

/** What a command printed and how it ended. */
export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const MOUNTS = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  {
    destination: '/sys',
    type: 'sysfs',
    source: 'sysfs',
    options: ['nosuid', 'noexec', 'nodev', 'ro'],
  },
] as const

/** A bundle of each test's own: `take` gets it, and after the test nothing of it may be left. */
export function useBundleScene(take: (scene: BundleScene) => void): void {
  let scene: BundleScene
  beforeEach(() => {
    scene = new BundleScene()
    take(scene)
  })
  afterEach(async () => {
    await scene.oci('delete', '--force', scene.id)
    expect(await scene.leaks()).toBe('')
    scene.close()
  })
}

export class BundleScene {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'tsstack-oci-'))
  readonly root: string = join(this.directory, 'state')
  readonly rootfs: string = join(this.directory, 'rootfs')
  /** What commands have printed. */
  readonly said: string = join(this.directory, 'said')
  #commands = 0
  /** Of the one container, by which everything of it is found again. */
  readonly id: string = basename(this.directory)
  readonly #scope: LeakScope = {
    marks: [this.id, '/tsstack-oci'],
    roots: [this.root],
    // Directories of others who run these tests beside us.
    ignored: RegExp(`^[+-] file .*/(?!${this.id})tsstack-oci-`),
  }
  readonly #before: Snapshot

  constructor() {
    const bin = join(this.rootfs, 'bin')
    mkdirSync(bin, { recursive: true })
    mkdirSync(this.said)
    chmodSync(this.directory, 0o755)
    copyFileSync('/bin/busybox', join(bin, 'busybox'))
    execFileSync(join(bin, 'busybox'), ['--install', bin])
    this.#before = snapshot(this.#scope)
  }

  /** Writes config.json: `sh -c SCRIPT` in all namespaces but the users', and what `change` says. */
  write(script: string, change: Partial<RuntimeSpec> = {}): void {
    this.writeConfig(script, change)
  }

  writeConfig(script: string, change: object): void {
    const { process = {}, linux = {}, mounts = [], ...rest } = change as Record<string, object>
    const config = {
      ociVersion: '1.2.0',
      process: {
        user: { uid: 0, gid: 0 },
        args: ['sh', '-c', script],
        env: ['PATH=/bin'],
        cwd: '/',
        ...process,
      },
      root: { path: 'rootfs' },
      mounts: [...MOUNTS, ...(mounts as readonly object[])],
      linux: {
        namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
        ...linux,
      },
      ...rest,
    }
    writeFileSync(join(this.directory, 'config.json'), JSON.stringify(config))
  }

  /** Runs `tsstack-oci WORDS`; what the container prints is the command's own output. */
  async oci(...words: readonly string[]): Promise<Result> {
    // A container that goes on would hold pipes open, and what is in one is not read yet when its
    // writer has ended: files have all that was written until then.
    this.#commands += 1
    const files = ['stdout', 'stderr'].map((name) => join(this.said, `${name}-${this.#commands}`))
    const [out = 1, err = 2] = files.map((path) => openSync(path, 'a'))
    const child = spawn(process.execPath, [RUNTIME, '--root', this.root, ...words], {
      cwd: this.directory,
      stdio: ['ignore', out, err],
    })
    const [code] = (await once(child, 'exit')) as [number | null]
    for (const fd of [out, err]) closeSync(fd)
    const [stdout = '', stderr = ''] = files.map((path) => readFileSync(path, 'utf8'))
    return { code: code ?? -1, stdout, stderr }
  }

  /** The output of a container that runs to its end. */
  async output(script: string, change: object = {}): Promise<string> {
    this.writeConfig(script, change)
    const { code, stdout, stderr } = await this.oci('run', this.id)
    if (code !== 0) throw new Error(`${code}: ${stderr}`)
    return stdout
  }

  read(path: string): string {
    const full = join(this.rootfs, path)
    return existsSync(full) ? readFileSync(full, 'utf8') : ''
  }

  async status(): Promise<string> {
    const { stdout } = await this.oci('state', this.id)
    return (JSON.parse(stdout) as { status: string }).status
  }

  /** What is left of it on the machine. */
  leaks(): Promise<string> {
    return leaks(this.#before, this.#scope)
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
