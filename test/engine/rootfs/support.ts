/** A directory for each test, with an image that it fills, and its root opened. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import {
  type InitLayer,
  openInitLayer,
  openOverlayRoot,
  prepareRootfs,
  type RootfsSource,
} from '../../../src/engine/rootfs/index.ts'
import { close, type Fd } from '../../../src/linux/index.ts'

export let root: string = ''
/** Directory that `dir:` names in {@link mountImage}. */
export let image: string = ''
let mounts = ''
/** Closed after the test. */
export const open: Fd[] = []
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsstack-rootfs-'))
  mounts = mountsNow()
  image = join(root, 'image')
  mkdirSync(join(root, 'place'))
  mkdirSync(image, { mode: 0o755 })
})
afterEach(() => {
  for (const fd of open.splice(0)) close(fd)
  rmSync(root, { recursive: true, force: true })
  expect(mountsNow()).toBe(mounts)
})

/** All of the machine but those that somebody beside us has made in a directory for such things. */
function mountsNow(): string {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return lines.filter((line) => !line.includes(` ${tmpdir()}/`) || line.includes(root)).join('\n')
}

export function put(path: string, content = '', mode = 0o644, base: string = image): void {
  const file = join(base, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
  chmodSync(file, mode)
}

export const layer = (name: string): string => join(root, name)

/** The init layer of `lowers`, in the cache that every root of a test shares. */
export const initLayer = (...lowers: readonly string[]): InitLayer =>
  openInitLayer({ lowers, cacheDirectory: layer('cache') })

export function mount(source: RootfsSource): Fd {
  const fd = openOverlayRoot(source, {
    init: initLayer(...source.lowers).directory,
    upper: layer('upper'),
    work: layer('work'),
    parts: layer('parts'),
    place: layer('place'),
  })
  open.push(fd)
  return fd
}

export const mountImage = (): Fd =>
  mount(prepareRootfs(`dir:${image}`, { cacheDirectory: layer('cache') }))
export const inside = (fd: Fd, path: string): string => `/proc/self/fd/${fd}/${path}`
export const text = (fd: Fd, path: string): string => readFileSync(inside(fd, path), 'utf8')
