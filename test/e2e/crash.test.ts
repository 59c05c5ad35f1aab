/**
 * A supervisor that dies at any moment costs nothing: containers live on, the next one takes over.
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Sandbox, finish, type Finished, succeeded } from '../support/sandbox.ts'
import { killSupervisor, supervisorPid } from '../support/supervisor.ts'
import { until } from '../support/until.ts'

const SHOP = 'examples/shop/stack.yaml'

let sandbox: Sandbox
beforeEach(async () => {
  sandbox = await Sandbox.open()
})
afterEach(() => sandbox.close())

const on = (...words: readonly string[]): Promise<Finished> => sandbox.ok(['-f', SHOP, ...words])

const firstProcess = async (service: string): Promise<string> =>
  (await on('exec', service, 'cat', '/proc/1/stat')).stdout.split(' ')[21] ?? ''

test('containers outlive a killed supervisor, and the next one adopts them', async () => {
  await on('up', '-d')
  await sandbox.curl('http://127.0.0.1:8080/')
  const before = await firstProcess('web')
  killSupervisor(sandbox.root)
  expect((await on('ps')).stdout.match(/running/g)).toHaveLength(3)
  expect(await firstProcess('web')).toBe(before)
  expect(await sandbox.curl('http://127.0.0.1:8080/')).toContain('apples')
  succeeded(await sandbox.tsstack(['plan', '-f', SHOP]))
  await on('down', '-v')
  expect(await sandbox.leaks()).toBe('')
})

test('a container that ended while no supervisor lived is reported with its status', async () => {
  await on('up', '-d')
  const [{ pid }] = JSON.parse((await on('ps', '--json', 'store')).stdout)
  const supervisor = supervisorPid(sandbox.root)
  // Else it could see the end before its own.
  process.kill(supervisor, 'SIGSTOP')
  process.kill(pid, 'SIGKILL')
  process.kill(supervisor, 'SIGKILL')
  // A process may take its time to die, and is running until then.
  await until(async () => (await on('ps', '-a')).stdout, /store.*137/)
  await on('down', '-v')
  expect(await sandbox.leaks()).toBe('')
})

/** Kills the supervisor as soon as a command on the shop has said `moment`; waits for its end. */
async function killWhen(moment: string, ...words: readonly string[]): Promise<void> {
  const command = sandbox.start(['-f', SHOP, ...words])
  let said = ''
  const seen = new Promise<void>((resolve) => {
    for (const stream of [command.stdout, command.stderr]) {
      stream.on('data', (text: Buffer) => {
        said += String(text)
        if (said.includes(moment)) resolve()
      })
    }
  })
  const ended = finish(command)
  await Promise.race([seen, ended])
  expect(said, `tsstack ${words.join(' ')}`).toContain(moment)
  killSupervisor(sandbox.root)
  await ended
}

const MOMENTS_OF_UP = [
  'network shop_back: created',
  'volume shop_stock: created',
  'container shop-store-1: created',
  'container shop-store-1: started',
  'container shop-api-1: started',
]

test.each(MOMENTS_OF_UP)('a supervisor killed at "%s": down removes everything', async (moment) => {
  await killWhen(moment, 'up', '-d')
  await on('down', '-v')
  expect(await sandbox.leaks()).toBe('')
})

test.each(MOMENTS_OF_UP)('a supervisor killed at "%s": up again converges', async (moment) => {
  await killWhen(moment, 'up', '-d')
  await on('up', '-d')
  expect(await sandbox.curl('http://127.0.0.1:8080/')).toContain('apples')
  await on('down', '-v')
  expect(await sandbox.leaks()).toBe('')
})

test.each([
  'container shop-web-1: stopped',
  'container shop-web-1: removed',
  'network shop_front: removed',
  'container shop-store-1: removed',
])('a supervisor killed at "%s": down again finishes', async (moment) => {
  await on('up', '-d')
  await killWhen(moment, 'down', '-v')
  await on('down', '-v')
  expect(await sandbox.leaks()).toBe('')
})
