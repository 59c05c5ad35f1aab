import * as fc from '../support/random.ts'
import { expect, test } from 'vitest'
import { Report } from '../../src/spec/diagnostics/report.ts'
import { mergeTrees } from '../../src/spec/merge/merge.ts'
import { removeDuplicates } from '../../src/spec/merge/unique.ts'
import type { Node } from '../../src/spec/tree/node.ts'
import { parseYaml } from '../../src/spec/tree/parse.ts'
import { toPlain } from '../../src/spec/tree/plain.ts'

function nodeOf(value: unknown): Node {
  const text = JSON.stringify(value)
  const [node] = parseYaml({ path: '/a', name: 'a', text }, new Report())
  if (node === undefined) throw new Error('no document')
  return node
}

const name = fc.constantFrom('a', 'b', 'c')
const words = fc.array(name, { maxLength: 3 })
const assignments = fc.dictionary(name, fc.oneof(name, fc.integer()), { maxKeys: 3 })
/** Keys that every file writes in the same way: maps, lists and single values. */
const service = fc.record(
  {
    image: name,
    user: name,
    command: words,
    environment: assignments,
    labels: assignments,
    cap_add: words,
    volumes: fc.array(fc.constantFrom('./x:/a', './y:/a', './z:/b'), { maxLength: 3 }),
    ports: fc.array(fc.constantFrom('80', '81:80', '82:80'), { maxLength: 3 }),
    networks: fc.dictionary(name, fc.record({ aliases: words }), { maxKeys: 2 }),
    healthcheck: fc.record({ test: words, retries: fc.integer() }, { requiredKeys: [] }),
    ulimits: fc.dictionary(name, fc.integer(), { maxKeys: 2 }),
    extra_hosts: fc.array(fc.constantFrom('a=1', 'b=2', 'a=3'), { maxLength: 3 }),
  },
  { requiredKeys: [] },
)
const file = fc.record({ services: fc.dictionary(name, service, { maxKeys: 2 }) })

function merged(base: Node, over: Node): Node {
  return removeDuplicates(mergeTrees(base, over, new Report()))
}

test('mergeTrees() gives the same whichever two of three files are merged first', () => {
  fc.assert(
    fc.property(file, file, file, (...files) => {
      const [a, b, c] = files.map(nodeOf) as [Node, Node, Node]
      expect(toPlain(merged(merged(a, b), c))).toEqual(toPlain(merged(a, merged(b, c))))
    }),
    { numRuns: 300 },
  )
}, 60_000)
