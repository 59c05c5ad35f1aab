/** Overlays whose layers are id-mapped. */
import { chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  close,
  createMappedOverlay,
  createUserNamespace,
  makeDirectoryIn,
} from '../../../src/linux/index.ts'
import { inside, layer, open } from './support.ts'

function made(name: string): string {
  mkdirSync(layer(name))
  return layer(name)
}

describe.each(['detached', 'namespace', undefined] as const)(
  'createMappedOverlay() by way of a %s',
  (way) => {
    test('shows the owners of its layers as users of the namespace', () => {
      const { users, network } = createUserNamespace({ first: 0x40000000, count: 1000 })
      open.push(users)
      close(network)
      const [lower, above] = [made('lower'), made('own')]
      writeFileSync(join(lower, 'file'), '')
      chownSync(join(lower, 'file'), 5, 7)
      writeFileSync(join(lower, 'stranger'), '')
      chownSync(join(lower, 'stranger'), 5000, 5000)
      const [upper, work] = [made('own/upper'), made('own/work')]
      expect(above).toBe(join(upper, '..'))
      const options = { index: 'off', metacopy: 'off' }
      const place = layer('place')
      const fd = createMappedOverlay({
        lowers: [lower],
        upper,
        work,
        options,
        users,
        firstId: 0x40000000,
        place,
        way,
      })
      open.push(fd)
      const { uid, gid } = statSync(inside(fd, 'file'))
      expect([uid, gid]).toEqual([0x40000005, 0x40000007])
      expect(statSync(inside(fd, 'stranger')).uid).toBe(65_534)
      chownSync(inside(fd, 'file'), 0x40000009, 0x40000000)
      expect([statSync(join(upper, 'file')).uid, statSync(join(upper, 'file')).gid]).toEqual([9, 0])
      // Who is nobody in there makes nothing.
      expect(() => makeDirectoryIn(fd, 'made', { mode: 0o755 })).toThrow(/EOVERFLOW/)
    })
  },
)
