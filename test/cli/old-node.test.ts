/** What somebody with an older Node.js is told, by both programs, and which one is old. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'

const PROJECT = join(import.meta.dirname, '../..')

const programText = (program: string): string =>
  readFileSync(join(PROJECT, `bin/${program}.js`), 'utf8').replace(/^#!.*/, '')

/** What `program` says before it ends itself; undefined when it goes on. */
function refusal(program: string, node: string): string | undefined {
  let said: string | undefined
  const started = new Error('It went on')
  const process = {
    versions: { node },
    argv: ['node', `/bin/${program}`, 'up', "it's"],
    stderr: { write: (text: string) => (said = text) },
    exit: () => {
      throw new Error('It ended')
    },
    get env(): never {
      throw started
    },
    geteuid: () => 0,
    getBuiltinModule: () => {
      throw started
    },
  }
  // It says its own name and goes on as tsstack does.
  const first = program === 'tsstack' ? '' : programText(program).replace(/^import\([^]*/m, '')
  const text = `${first}\n${programText('tsstack')}`
  expect(() => runInNewContext(text, { process })).toThrow(/It (?:went on|ended)/)
  return said
}

test.each(['tsstack', 'tsstack-oci'])('%s says what is needed, in one line', (program) => {
  expect(refusal(program, '24.4.1')).toMatch(
    /^error: Cannot run \S+ with Node\.js 24\.4\.1: it needs 24\.5 or later; install one, or run: npx -y -p node@24 node \/bin\/\S+ up 'it'\\''s' \[NODE_TOO_OLD\]\n$/,
  )
  expect(refusal(program, '20.20.2')).toMatch(
    new RegExp(`^error: Cannot run ${program} with .*20\\.20\\.2`),
  )
  for (const node of ['24.5.0', '24.21.0', '26.0.0']) expect(refusal(program, node)).toBeUndefined()
})

test('package.json asks for the same', () => {
  const { engines } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8'))
  expect(engines.node).toBe('>=24.5')
})
