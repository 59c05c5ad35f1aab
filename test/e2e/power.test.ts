/**
 * The power is cut while a stack changes, again and again: each time the machine boots again on the
 * disk that it had, and the next `up` needs nobody's help.
 *
 *   TSSTACK_UML_ROOT=/ TSSTACK_CUTS=50 npm run test:boot
 */
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { canBoot, WholeMachine } from '../support/whole-machine.ts'

const cuts = Number(process.env['TSSTACK_CUTS'] ?? 5)
const seed = Number(process.env['TSSTACK_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const results = process.env['TSSTACK_CUT_RESULTS']
/** From the first change to the cut, in milliseconds: some ten changes fit in. */
const CUT_AFTER_MS_MAX = 4000

const stack = (word: string, ...more: readonly string[]): string => `
name: shop
services:
  db:
    image: 'host:'
    network_mode: none
    command: [sh, -c, 'while date; do sleep 0.01; done > /data/db']
    volumes: ['data:/data']
    restart: always
  web:
    image: 'host:'
    network_mode: none
    command: [sh, -c, 'while echo ${word}; do sleep 0.01; done']
    restart: always
    depends_on: [db]
${more.join('\n')}
volumes:
  data:
`

const EXTRA = `  extra:
    image: 'host:'
    network_mode: none
    command: [sleep, infinity]`

/** Until the light goes out. */
const CHANGES = `
cd /srv/shop
while :; do
  tsstack -f one.yaml up -d -t 0
  tsstack -f two.yaml up -d -t 0 --scale web=3
  tsstack -f two.yaml restart -t 0
  tsstack -f two.yaml stop -t 0 db
  tsstack -f one.yaml up -d -t 0 --remove-orphans
  tsstack -f one.yaml down -v -t 0
done > /tmp/changes 2>&1`

let machine: WholeMachine
beforeAll(async () => {
  if (!canBoot) return
  machine = await WholeMachine.make()
  await machine.boot()
  await machine.ok(`mkdir /srv/shop && cat > /srv/shop/one.yaml <<'END'\n${stack('one')}\nEND`)
  await machine.ok(`cat > /srv/shop/two.yaml <<'END'\n${stack('two', EXTRA)}\nEND`)
  await machine.ok('tsstack enable && sync')
}, 600_000)
afterAll(() => machine?.close())

test.skipIf(!canBoot)(
  `after each of ${cuts} power cuts at any moment of a change, up converges`,
  { timeout: 60_000 * (cuts + 1) },
  async () => {
    const failures: string[] = []
    let state = seed
    for (let cut = 1; cut <= cuts; cut += 1) {
      // Linear congruential, as in Numerical Recipes.
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      machine.tell(CHANGES)
      await sleep((state / 2 ** 32) * CUT_AFTER_MS_MAX)
      await machine.cutPower()
      await machine.boot()
      const problem = await problemOf()
      const line = `cut ${cut} of ${cuts}: ${problem === '' ? 'good' : problem}`
      if (results !== undefined) appendFileSync(results, `${line}\n`)
      if (problem !== '') failures.push(line)
    }
    expect(failures, `seed ${seed}`).toEqual([])
    await machine.ok('cd /srv/shop && tsstack -f one.yaml down -v -t 0')
    expect(await machine.ok('ls /var/lib/tsstack/stacks /var/lib/tsstack/volumes')).toBe(
      '/var/lib/tsstack/stacks:\n\n/var/lib/tsstack/volumes:',
    )
  },
)

/** '' when the stack becomes what its file says, and no record was lost. */
async function problemOf(): Promise<string> {
  const up = await machine.run(
    'cd /srv/shop && tsstack -f one.yaml up -d -t 0 --remove-orphans --wait',
  )
  if (up.code !== 0) return `up: ${up.text}`
  const states = await machine.run('cd /srv/shop && tsstack -f one.yaml ps -a --format json')
  const list = (JSON.parse(states.text) as readonly Shown[]).map(
    (one) => `${one.name} ${one.state}`,
  )
  if (list.toSorted().join() !== 'shop-db-1 running,shop-web-1 running') return states.text
  const { text: plan } = await machine.run('cd /srv/shop && tsstack -f one.yaml plan')
  if (!plan.includes('nothing to change')) return plan
  const broken = await machine.run(
    'find /var/lib/tsstack -name "*.broken"; grep -ri error /var/lib/tsstack/supervisor.log; journalctl -b -u tsstack | grep -i error',
  )
  return broken.text
}

interface Shown {
  readonly name: string
  readonly state: string
}
