import { expect, test } from 'vitest'
import { findKnown } from '../../src/daemon/resolve.ts'

const known = [
  { name: 'shop', directory: '/srv/shop', file: 'compose.yaml' },
  { name: 'shop-test', directory: '/srv/shop/test', file: 'stack.yaml' },
  { name: 'shop-copy', directory: '/srv/shop', file: 'compose.yaml' },
  { name: 'blog', directory: '/srv/blog', file: 'compose.yaml' },
].map(({ name, directory, file }) => ({
  name,
  source: { directory, files: [`${directory}/${file}`] },
  running: 1,
  containers: 1,
}))

const names = (cwd: string, files?: readonly string[]): readonly string[] =>
  findKnown(known, { cwd, ...(files && { files }) }).map(({ name }) => name)

test('findKnown() finds the stack of the directory or of the nearest above', () => {
  expect(names('/srv/blog')).toEqual(['blog'])
  expect(names('/srv/blog/src/deep')).toEqual(['blog'])
  expect(names('/srv/shop/test')).toEqual(['shop-test'])
})

test('findKnown() finds every stack that comes from one place', () => {
  expect(names('/srv/shop/web')).toEqual(['shop', 'shop-copy'])
})

test('findKnown() finds nothing beside, and nothing in a directory whose name only begins alike', () => {
  expect(names('/srv')).toEqual([])
  expect(names('/srv/blogs')).toEqual([])
})

test('findKnown() finds the stack whose first file was named, wherever the caller is', () => {
  expect(names('/srv', ['./blog/compose.yaml'])).toEqual(['blog'])
  expect(names('/', ['/srv/shop/test/stack.yaml', 'more.yaml'])).toEqual(['shop-test'])
  expect(names('/srv/blog', ['other.yaml'])).toEqual([])
})
