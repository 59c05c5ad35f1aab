/** Ctrl-C at a time when nobody seems to listen. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { expect, test } from 'vitest'
import { supervisorPid } from '../support/supervisor.ts'
import { until } from '../support/until.ts'
import { type Scene, SLEEP, STUBBORN, useScene } from './cli-scene.ts'
import { Staying } from './staying.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const sockets = (pid: number | undefined): number =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:')
    } catch {
      return false
    }
  }).length

/** Those that it has not taken yet, as a mask. */
const pendingSignals = (pid: number | undefined): string =>
  /^ShdPnd:\t(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''

test('before the supervisor has answered, it is heard when there is one', async () => {
  scene.write({ web: [...STUBBORN, 'stop_grace_period: 2s', 'depends_on: [db]'], db: SLEEP })
  for (const verb of ['stop', 'down']) {
    await scene.ok('up', '-d')
    const supervisor = supervisorPid(scene.sandbox.root)
    process.kill(supervisor, 'SIGSTOP')
    const command = new Staying(scene, verb)
    // Its standard streams are sockets as well.
    await until(() => Promise.resolve(String(sockets(command.child.pid) > 3)), /true/)
    command.child.kill('SIGINT')
    // It has heard that when it no longer looks as if it had not.
    await until(() => Promise.resolve(pendingSignals(command.child.pid)), /^0+$/)
    process.kill(supervisor, 'SIGCONT')
    const { code, stderr } = await command.end
    expect(code, stderr).toBe(130)
    // What had begun comes to its end, and nothing else.
    expect((await scene.ok('ps')).stdout).toMatch(/db-1 .*running/)
  }
  await scene.ok('down', '-t', '0')
})

test('while others are waited for, it ends at once', async () => {
  const never = 'healthcheck: { test: [CMD, "false"], start_period: 1h }'
  const waits = 'depends_on: { db: { condition: service_healthy } }'
  scene.write({ db: [...SLEEP, never], web: [...SLEEP, waits] })
  const up = new Staying(scene, 'up', '-d')
  await up.says(/db-1: started/)
  for (const words of [['stop', 'db'], ['down'], ['up', '-d', 'db']]) {
    const command = new Staying(scene, ...words)
    await command.says(/waiting for tsstack up/)
    expect((await command.interrupt()).code).toBe(130)
  }
  expect((await scene.ok('ps')).stdout).toMatch(/db-1 .*running/)
  expect((await up.interrupt()).code).toBe(130)
  await scene.ok('down', '-t', '0')
})
