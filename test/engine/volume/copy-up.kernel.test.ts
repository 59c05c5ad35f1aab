/** What the image has at a volume's place arrives whole, and nothing else of the host is read. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { lchown } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fillVolume } from '../../../src/engine/volume/copy-up.ts'
import { copyTree } from '../../../src/engine/volume/copy-tree.ts'
import { makeFifo, readXattrs, writeXattr } from '../../../src/linux/index.ts'

let root = ''
let image = ''
let data = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsstack-volume-'))
  image = join(root, 'image')
  data = join(root, 'data')
  mkdirSync(image)
  mkdirSync(data)
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** One line for each entry: kind and mode, owner, times, size, links, attributes. */
function describeTree(top: string, below = '.'): readonly string[] {
  const stat = lstatSync(join(top, below))
  const size = stat.isDirectory() ? '' : stat.size
  const xattrs = [...readXattrs(join(top, below))].map(
    ([name, value]) => `${name}=${value.toString('hex')}`,
  )
  const link = stat.isSymbolicLink() ? readlinkSync(join(top, below)) : ''
  const own = [
    below,
    stat.mode.toString(8),
    stat.uid,
    stat.gid,
    stat.mtimeMs,
    size,
    link,
    ...xattrs,
  ]
  const names = stat.isDirectory() ? readdirSync(join(top, below)).sort() : []
  return [own.join(' '), ...names.flatMap((name) => describeTree(top, join(below, name)))]
}

async function fillImage(): Promise<void> {
  mkdirSync(join(image, 'deep/er'), { recursive: true })
  writeFileSync(join(image, 'deep/er/file'), 'content')
  writeFileSync(join(image, 'setuid'), '')
  await lchown(join(image, 'setuid'), 5, 6)
  chmodSync(join(image, 'setuid'), 0o6755)
  // cap_net_bind_service+ep: struct vfs_cap_data of include/uapi/linux/capability.h
  const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex')
  writeXattr(join(image, 'setuid'), 'security.capability', capability)
  writeXattr(join(image, 'deep'), 'user.note', Buffer.from('mine'))
  linkSync(join(image, 'deep/er/file'), join(image, 'same'))
  symlinkSync('/etc/shadow', join(image, 'absolute'))
  symlinkSync('../../outside', join(image, 'deep/outside'))
  await lchown(join(image, 'absolute'), 7, 8)
  makeFifo(join(image, 'fifo'), 0o620)
  chmodSync(join(image, 'deep'), 0o1770)
  await lchown(image, 9, 10)
  chmodSync(image, 0o2751)
  for (const name of ['deep/er/file', 'absolute', 'fifo', 'setuid', 'deep/er', 'deep', '.']) {
    lutimesSync(join(image, name), 1_000_000_000, 1_100_000_000.5)
  }
}

test('copyTree() keeps owners, modes, times, links, attributes and pipes, and follows no link', async () => {
  await fillImage()
  copyTree(image, data)
  expect(describeTree(data)).toEqual(describeTree(image))
  expect(readFileSync(join(data, 'same'), 'utf8')).toBe('content')
  const inodes = ['same', 'deep/er/file'].map((name) => lstatSync(join(data, name)).ino)
  expect(inodes[0]).toBe(inodes[1])
})

test('copyTree() keeps names that are no UTF-8', () => {
  const name = Buffer.from([0x61, 0xff, 0xfe])
  writeFileSync(Buffer.concat([Buffer.from(`${image}/`), name]), 'x')
  copyTree(image, data)
  expect(readdirSync(data, { encoding: 'buffer' })).toEqual([name])
})

test('copyTree() leaves devices and sockets out', () => {
  spawnSync('mknod', [join(image, 'null'), 'c', '1', '3'])
  expect(existsSync(join(image, 'null'))).toBe(true)
  copyTree(image, data)
  expect(readdirSync(data)).toEqual([])
})

test('copyTree() drops an overlay’s own attributes', () => {
  mkdirSync(join(image, 'dir'))
  writeXattr(join(image, 'dir'), 'trusted.overlay.redirect', Buffer.from('/etc'))
  copyTree(image, data)
  expect([...readXattrs(join(data, 'dir')).keys()]).toEqual([])
})

test('fillVolume() fills an empty volume, which stays the same directory', async () => {
  await fillImage()
  const { ino } = lstatSync(data)
  fillVolume(image, data)
  expect(describeTree(data)).toEqual(describeTree(image))
  expect(lstatSync(data).ino).toBe(ino)
  expect(readdirSync(root).sort()).toEqual(['data', 'image'])
})

test('fillVolume() of an empty directory gives the volume its owner and mode', async () => {
  await lchown(image, 9, 10)
  chmodSync(image, 0o700)
  fillVolume(image, data)
  expect(lstatSync(data)).toMatchObject({ uid: 9, gid: 10, mode: 0o40700 })
})

test('fillVolume() leaves a volume alone that holds anything', () => {
  writeFileSync(join(image, 'new'), '')
  writeFileSync(join(data, 'old'), '')
  fillVolume(image, data)
  expect(readdirSync(data)).toEqual(['old'])
})

test('fillVolume() throws a half-made copy away', async () => {
  await fillImage()
  mkdirSync(`${data}.draft`)
  writeFileSync(join(`${data}.draft`, 'half'), '')
  fillVolume(image, data)
  expect(describeTree(data)).toEqual(describeTree(image))
})

test('fillVolume() finishes a copy that was moving over, and keeps what is newer', async () => {
  await fillImage()
  mkdirSync(`${data}.draft`)
  copyTree(image, `${data}.draft`)
  renameSync(`${data}.draft`, `${data}.ready`)
  renameSync(join(`${data}.ready`, 'deep'), join(data, 'deep'))
  writeFileSync(join(data, 'same'), 'newer')
  fillVolume(image, data)
  expect(readdirSync(data).sort()).toEqual(readdirSync(image).sort())
  expect(readFileSync(join(data, 'same'), 'utf8')).toBe('newer')
  expect(readdirSync(root).sort()).toEqual(['data', 'image'])
})
