/** `up --wait` comes back when everything is ready, and `--scale` changes how many there are. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Finished, Sandbox } from '../support/sandbox.ts'
import { until } from '../support/until.ts'
import { Scene, shell, SLEEP } from './cli-scene.ts'

let scene: Scene
let sandbox: Sandbox
beforeEach(async () => {
  scene = await Scene.open()
  ;({ sandbox } = scene)
})
afterEach(() => scene.close())

const run = (...words: readonly string[]): Promise<Finished> => scene.run(...words)
const ok = (...words: readonly string[]): Promise<Finished> => scene.ok(...words)

const check = (script: string): readonly string[] => [
  `healthcheck: { test: ${JSON.stringify(['CMD-SHELL', script])}, interval: 200ms, retries: 3, start_period: 1h }`,
]

async function downClean(): Promise<void> {
  await ok('down', '-t', '0')
  expect(await sandbox.leaks()).toBe('')
}

test('up --wait comes back when what has a check is healthy and jobs have completed', async () => {
  const slow = shell('sleep 0.7; touch /tmp/ready; exec sleep 1000')
  scene.write({ web: [slow, ...check('test -e /tmp/ready')], job: [shell('exit 0')] })
  const result = await ok('up', '--wait')
  expect(result.stdout).toMatch(/^web .*healthy/m)
  await downClean()
})

test('up --wait fails at the first service that ends or is unhealthy', async () => {
  // A service that runs is ready: what is waited for here is the other one's first good probe.
  scene.write({ web: [...SLEEP, ...check('false')], bad: [shell('sleep 0.2; exit 3')] })
  const ended = await run('up', '--wait')
  expect(ended.code).toBe(1)
  expect(ended.stderr).toMatch(/"cli-bad-1" exited with 3.*\[NOT_READY\]\nhint: .*logs bad/s)
  const never = `healthcheck: { test: ["CMD", "false"], interval: 100ms, retries: 1 }`
  scene.write({ web: [...SLEEP, never] })
  const unhealthy = await run('up', '--wait', '--remove-orphans')
  expect(unhealthy.code).toBe(1)
  expect(unhealthy.stderr).toMatch(/"cli-web-1" is unhealthy.*\[NOT_READY\]/)
  await downClean()
})

test('up --wait-timeout gives up, says for whom it waited, and leaves what runs', async () => {
  scene.write({ web: [...SLEEP, ...check('false')] })
  const result = await run('up', '--wait', '--wait-timeout', '1')
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/after 1 s "cli-web-1" is not healthy yet.*\[NOT_READY\]/)
  expect((await ok('ps')).stdout).toMatch(/cli-web-1 .*running/)
  // Nobody holds the stack while it is waited for.
  scene.write({ web: [...SLEEP, ...check('false'), 'environment: { TURN: second }'] })
  const waiting = run('up', '--wait', '--wait-timeout', '60')
  await until(async () => (await run('exec', 'web', 'env')).stdout, /^TURN=second$/m)
  await downClean()
  expect((await waiting).code).not.toBe(130)
})

test('--scale sets how many there are, until an up without it', async () => {
  scene.write({ web: SLEEP, db: SLEEP })
  await ok('up', '-d', '--scale', 'web=3', '--scale', 'db=0')
  expect((await ok('ps', '-q')).stdout).toBe('cli-web-1\ncli-web-2\ncli-web-3\n')
  expect((await ok('plan', '--scale', 'web=3', '--scale', 'db=0')).stdout).toContain('nothing')
  await ok('up', '-d')
  expect((await ok('ps', '-q')).stdout).toBe('cli-db-1\ncli-web-1\n')
  const unknown = await run('up', '-d', '--scale', 'wbe=2')
  expect(unknown.stderr).toMatch(/"wbe".*Did you mean "web"/s)
  const wrong = await run('up', '-d', '--scale', 'web')
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toContain('it looks like web=3')
  await downClean()
})
