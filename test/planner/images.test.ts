import { expect, test } from 'vitest'
import { desire } from '../../src/planner/index.ts'
import type { Stack } from '../../src/spec/index.ts'

const program = { command: null, entrypoint: null }

const imagesOf = (services: Stack['services']) =>
  desire({ name: 'shop', services }, { directory: '/srv', files: [] }).images

test('an image that services share is asked for once, by the policy that looks more often', () => {
  const images = imagesOf({
    a: { ...program, image: 'nginx', pull_policy: 'missing' },
    b: { ...program, image: 'nginx', pull_policy: 'daily' },
    c: { ...program, image: 'nginx', platform: 'linux/arm64' },
  })
  expect(images).toEqual([
    { image: 'nginx', pullPolicy: 'daily', services: ['a', 'b'] },
    { image: 'nginx', platform: 'linux/arm64', services: ['c'] },
  ])
})

test('what is built under a name of ours is never fetched from strangers', () => {
  const images = imagesOf({ web: { ...program, build: { context: '.' } } })
  expect(images).toEqual([
    { image: 'shop-web', pullPolicy: 'never', isBuilt: true, services: ['web'] },
  ])
})

test('the image of a pre_start hook is asked for as its service asks for its own', () => {
  const images = imagesOf({
    web: {
      ...program,
      image: 'nginx',
      pull_policy: 'daily',
      pre_start: [{ command: [], image: 'tool:1' }],
    },
  })
  expect(images).toEqual([
    { image: 'nginx', pullPolicy: 'daily', services: ['web'] },
    { image: 'tool:1', pullPolicy: 'daily', services: ['web'] },
  ])
})
