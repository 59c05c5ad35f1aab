import { expect, test } from 'vitest'
import { cachePlaces } from '../../src/daemon/building/cache-places.ts'
import { choosePlatform } from '../../src/daemon/building/platform.ts'
import { HOST_PLATFORM } from '../../src/image/index.ts'
import type { DesiredBuild } from '../../src/planner/index.ts'

const OWN = `linux/${HOST_PLATFORM.architecture}`
const choose = (platforms: readonly string[], isForOthers = false) =>
  choosePlatform({ service: 'web', platforms }, { isForOthers })

test("choosePlatform() takes this machine's, and says which others are left out", () => {
  expect(choose([])).toEqual({ chosen: undefined, warnings: [] })
  expect(choose([OWN])).toEqual({ chosen: OWN, warnings: [] })
  const { chosen, warnings } = choose(['linux/s390x', OWN, 'linux/riscv64'])
  expect(chosen).toBe(OWN)
  expect(warnings).toEqual([
    `"web" is built for ${OWN} only: this machine runs nothing for linux/s390x, linux/riscv64`,
  ])
})

test('choosePlatform() refuses others alone, and to push less than was asked for', () => {
  expect(() => choose(['linux/s390x'])).toThrow(`for linux/s390x: this is ${OWN}`)
  expect(() => choose([OWN, 'linux/s390x'], true)).toThrow(`only ${OWN} can be built here`)
  expect(() => choose(['a/b/c/d'])).toThrow('Cannot understand platform')
})

const places = (build: Pick<DesiredBuild, 'cacheFrom' | 'cacheTo'>) =>
  cachePlaces({ service: 'web', ...build } as DesiredBuild, '/srv/shop')

test('cachePlaces() takes directories, and says what else is left out', () => {
  const cacheFrom = ['type=local,src=cache', 'user/app:cache', 'type=gha']
  const cacheTo = ['type=local,dest=/var/cache,mode=max', 'type=inline']
  const { warnings, ...found } = places({ cacheFrom, cacheTo })
  expect(found).toEqual({
    cacheFrom: ['/srv/shop/cache'],
    cacheTo: [{ directory: '/var/cache', mode: 'max' }],
  })
  expect(warnings).toHaveLength(3)
  expect(warnings[0]).toContain('"cache_from: user/app:cache" of "web" is left out')
})

test('cachePlaces() wants to know which directory', () => {
  expect(() => places({ cacheTo: ['type=local'] })).toThrow('names no directory')
})
