/** Detached trees mounted in one another. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { composeTree, createDetachedMount, type Fd } from '../../../src/linux/index.ts'
import { inside, layer, open, text } from './support.ts'

const tmpfs = () => createDetachedMount({ type: 'tmpfs' })

describe.each(['detached', 'namespace'] as const)('composeTree() by way of a %s', (way) => {
  test('mounts parts in a tree that is mounted nowhere', () => {
    const whole = tmpfs()
    mkdirSync(inside(whole, 'a'))
    const one = tmpfs()
    mkdirSync(inside(one, 'b'))
    const two = tmpfs()
    writeFileSync(inside(two, 'file'), 'deep')
    const directory = process.cwd()
    const parts = [
      { fd: one, target: 'a' },
      { fd: two, target: 'a/b' },
    ]
    let fd: Fd
    try {
      fd = composeTree(whole, parts, { place: layer('place'), way })
    } catch (error) {
      // A kernel before 6.15 takes the other way by itself.
      expect(way).toBe('detached')
      expect(String(error)).toContain('EINVAL')
      return
    }
    open.push(fd)
    expect(text(fd, 'a/b/file')).toBe('deep')
    expect(process.cwd()).toBe(directory)
    expect(readdirSync(layer('place'))).toEqual([])
  })
})
