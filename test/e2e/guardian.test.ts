/** A supervisor that dies is replaced without any command, and its successor does its work. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { REVIVE_DELAY_MS_MIN } from '../../src/limits.ts'
import { markedProcesses } from '../support/leak/processes.ts'
import { type Sandbox, succeeded } from '../support/sandbox.ts'
import { killSupervisor, successorOf, supervisorPid } from '../support/supervisor.ts'
import { until } from '../support/until.ts'
import { Scene, shell, SLEEP } from './cli-scene.ts'

let scene: Scene
let sandbox: Sandbox
beforeEach(async () => {
  scene = await Scene.open()
  ;({ sandbox } = scene)
})
afterEach(() => scene.close())

/** Kills it, and waits for the one that nobody has asked for. */
const replace = (): Promise<number> => successorOf(sandbox.root, killSupervisor(sandbox.root))

const guardians = (): readonly number[] =>
  markedProcesses({ marks: sandbox.scope.marks ?? [], namespaces: [] })
    .filter(({ command, state }) => command.includes('guardian') && state !== 'Z')
    .map(({ pid }) => pid)

test('a killed supervisor is replaced, time after time, and acts on what ends meanwhile', async () => {
  const life = 'echo begun; exec sleep 1000'
  scene.write({ web: [shell(life), 'restart: always'], job: [...SLEEP] })
  await scene.ok('up', '-d')
  const [{ pid: job }] = JSON.parse((await scene.ok('ps', '--json', 'job')).stdout)
  for (let round = 0; round < 3; round += 1) {
    // It says so before its supervisor is told that it runs.
    const web = /"pid": (\d+)/
    const listed = await until(async () => (await scene.ok('ps', '--json', 'web')).stdout, web)
    const replaced = replace()
    process.kill(Number(web.exec(listed)?.[1]), 'SIGKILL')
    await replaced
    // What it says itself: for a moment the one that was killed may be taken for running.
    const lives = new RegExp(`(?:begun[^]*){${round + 2}}`)
    await until(async () => (await scene.ok('logs', 'web')).stdout, lives)
  }
  const [{ pid, attempt }] = JSON.parse((await scene.ok('ps', '--json', 'job')).stdout)
  expect({ pid, attempt }).toEqual({ pid: job, attempt: 1 })
  expect((await scene.ok('logs', 'web')).stdout.match(/begun/g)).toHaveLength(4)
  await scene.ok('down', '-t', '0')
  expect(await sandbox.leaks()).toBe('')
})

test('a supervisor whose log is on a full disk goes on with all that it has to say', async () => {
  const state = join(sandbox.root, 'state')
  mkdirSync(state, { mode: 0o700 })
  // Every write to it finds no room. Not a node of its own: /tmp may be mounted without devices.
  const log = join(state, 'supervisor.log')
  writeFileSync(log, '', { mode: 0o600 })
  execFileSync('mount', ['--bind', '/dev/full', log])
  const source = join(scene.folder, 'data')
  mkdirSync(source)
  const bind = `{ type: bind, source: ${source}, target: /data, bind: { create_host_path: false } }`
  scene.write({ web: [...SLEEP, 'restart: always', `volumes: [${bind}]`] })
  const up = await scene.run('up', '-d')
  // It has it open by now.
  execFileSync('umount', ['-l', log])
  succeeded(up)
  const before = supervisorPid(sandbox.root)
  rmSync(source, { recursive: true })
  const [{ pid }] = JSON.parse((await scene.ok('ps', '--json')).stdout)
  process.kill(pid, 'SIGKILL')
  // Each start that fails is a warning.
  const restarts = async (): Promise<string> => (await scene.ok('ps', '-a', '--json')).stdout
  await until(restarts, /"restarts": (?:[4-9]|\d\d)/)
  expect(supervisorPid(sandbox.root)).toBe(before)
  await scene.ok('down', '-t', '0')
  expect(await sandbox.leaks()).toBe('')
})

test('a guardian that is killed is replaced, and ends with a supervisor that has nothing to do', async () => {
  scene.write({ web: SLEEP })
  await scene.ok('up', '-d')
  const first = Number(await until(async () => guardians().join(), /^\d+$/))
  // One that ends as soon as it was started cannot live, and is not started again.
  await sleep(2 * REVIVE_DELAY_MS_MIN)
  process.kill(first, 'SIGKILL')
  await until(async () => guardians().join(), new RegExp(`^(?!${first}$)\\d+$`))
  await replace()
  await scene.ok('down', '-t', '0')
  expect(await sandbox.leaks()).toBe('')
})
