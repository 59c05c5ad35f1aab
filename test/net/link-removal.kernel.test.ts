import { beforeAll, expect, test } from 'vitest'
import { LinkRemoval } from '../../src/net/link-removal.ts'
import { enterHost, sh } from './world.ts'

beforeAll(enterHost)

const names = (): readonly string[] =>
  JSON.parse(sh('ip -j link show')).map(({ ifname }: { ifname: string }) => ifname)

const make = (...made: readonly string[]): readonly { readonly name: string }[] =>
  made.map((name) => {
    sh(`ip link add ${name} type bridge`)
    return { name }
  })

test('none is found when it resolves, and one that never was is no failure', async () => {
  const removal = new LinkRemoval()
  const many = make(...Array.from({ length: 40 }, (_, at) => `gone${at}`))
  await removal.now([...many, { name: 'never' }])
  expect(names()).toEqual(['lo'])
})

test('takes together what comes before somebody waits, and knows when nothing is left', async () => {
  const removal = new LinkRemoval()
  const [one = { name: '' }, two = { name: '' }] = make('one', 'two')
  const first = removal.add([one])
  expect(removal.add([two])).toBe(first)
  await removal.gone('two')
  expect(names()).toEqual(['lo'])
  removal.add(make('three')).catch(() => {})
  await removal.settled()
  expect(names()).toEqual(['lo'])
})

test('what nobody waits for goes soon', async () => {
  await new LinkRemoval().add(make('one'))
  expect(names()).toEqual(['lo'])
})

test('a name can be used again at once', async () => {
  const removal = new LinkRemoval()
  for (let turn = 0; turn < 20; turn += 1) await removal.now(make('again'))
  expect(names()).toEqual(['lo'])
})
