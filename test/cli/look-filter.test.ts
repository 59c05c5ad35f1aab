import { expect, test } from 'vitest'
import { networkLabels } from '../../src/cli/compose-json.ts'
import { commonQuestions, filterCollector, matching } from '../../src/cli/look-filter.ts'

const network = (
  name: string,
  { labels = {}, used = 0, driver = 'bridge', stack = 'shop' } = {},
) => ({
  spec: { key: 'front', name, driver, external: false, internal: false, labels },
  stack,
  containers: Array.from({ length: used }, (_, at) => at),
})
const all = [
  network('shop_front', { labels: { tier: 'one', zone: 'a=b' }, used: 1 }),
  network('shop_back', { labels: { tier: 'two' }, driver: 'macvlan' }),
  network('blog_front', { stack: 'blog', labels: { tier: 'one' } }),
]
const questions = {
  ...commonQuestions<(typeof all)[number]>((one) => [
    networkLabels({ ...one, spec: { ...one.spec, driverOptions: {}, ipv6: false, subnets: [] } }),
  ]),
  type: {
    values: ['custom', 'builtin'],
    holds: (_: unknown, wanted: string) => wanted === 'custom',
  },
}
const collect = filterCollector(questions)
const listed = (...words: readonly string[]): readonly string[] => {
  const filters = words.reduce<ReturnType<typeof collect>>(
    (before, word) => collect(word, before),
    [],
  )
  return matching(all, questions, filters).map(({ spec }) => spec.name)
}

test.each([
  [[], ['shop_front', 'shop_back', 'blog_front']],
  [['name=front'], ['shop_front', 'blog_front']],
  [['name=^shop_'], ['shop_front', 'shop_back']],
  [['name=^shop_front$'], ['shop_front']],
  [
    ['name=blog', 'name=back'],
    ['shop_back', 'blog_front'],
  ],
  [['driver=macvlan'], ['shop_back']],
  [['driver=macvlan', 'name=front'], []],
  [['label=tier'], ['shop_front', 'shop_back', 'blog_front']],
  [['label=tier=one'], ['shop_front', 'blog_front']],
  [['label=zone=a=b'], ['shop_front']],
  [['label=tier=one', 'label=zone'], ['shop_front']],
  [['label=com.docker.compose.project=blog'], ['blog_front']],
  [['label=constructor'], []],
  [['dangling=true'], ['shop_back', 'blog_front']],
  [['dangling=0'], ['shop_front']],
  [['type=builtin'], []],
])('--filter %j lists %j', (words, names) => {
  expect(listed(...words)).toEqual(names)
})

test.each([
  ['colour=red', 'it begins with one of name=, driver=, label=, dangling=, type='],
  ['constructor=x', 'it begins with one of'],
  ['name', 'it begins with one of'],
  ['name=', 'it begins with one of'],
  ['type=any', 'type is one of custom, builtin'],
  ['dangling=perhaps', 'dangling is one of true, false'],
  ['name=(', 'name is a part of a name, or a regular expression'],
])('--filter %s is refused', (word, text) => {
  expect(() => collect(word)).toThrow(text)
})
