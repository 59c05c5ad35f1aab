/** A supervisor whose descriptors are used up, and what commands say then. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { finish, saidBy } from '../support/sandbox.ts'
import { type Scene, SLEEP, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const supervisorPid = (): number =>
  Number(readFileSync(join(scene.sandbox.root, 'state/supervisor.lock'), 'utf8'))

/** Lets the supervisor open so many more files from now on; 0: nothing at all. */
function leave(count: number): void {
  const open = readdirSync(`/proc/${supervisorPid()}/fd`).length
  limitTo(count === 0 ? 3 : open + count)
}

function limitTo(number: number): void {
  execFileSync('prlimit', ['--pid', `${supervisorPid()}`, `--nofile=${number}:`])
}

const REFUSED = /supervisor has \d+ files open and may have \d+.*prlimit --pid \d+ --nofile/s

test('with few descriptors what stays is refused by name, what ends soon works, and all does later', async () => {
  scene.write({ web: SLEEP })
  await scene.ok('up', '-d')
  leave(48)
  for (const words of [['exec', 'web', 'true'], ['logs', '-f'], ['restart'], ['up']]) {
    const refused = await scene.run(...words)
    expect(refused.code, words[0]).toBe(1)
    expect(saidBy(refused)).toMatch(REFUSED)
  }
  await scene.ok('ps')
  await scene.ok('stop', '-t', '0')
  leave(10)
  expect(saidBy(await scene.run('ps'))).toMatch(/Cannot serve another command.*24 must be left/)
  limitTo(1024)
  await scene.ok('up', '-d')
  await scene.ok('exec', 'web', 'true')
  await scene.ok('down', '-v')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('a command that finds the supervisor without any descriptor is served when there are some', async () => {
  scene.write({ web: SLEEP })
  await scene.ok('up', '-d')
  leave(0)
  const ps = scene.sandbox.start(['ps', '--services'], { cwd: scene.folder })
  // It is connected by then, or finds descriptors: it has to be answered either way.
  await sleep(1000)
  limitTo(1024)
  expect(await finish(ps)).toMatchObject({ code: 0, stdout: 'web\n' })
  await scene.ok('down', '-v')
  expect(await scene.sandbox.leaks()).toBe('')
})
