/** A disk without room: what runs goes on, what cannot be done says so, all recovers by itself. */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { COUNTER } from './left-behind.ts'
import { sh, World } from './support.ts'

const disk = mkdtempSync(join(tmpdir(), 'tsstack-disk-'))
let world: World
beforeAll(async () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m,mode=700', 'none', disk])
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = disk
  world = await World.open()
  if (before === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = before
})
afterEach(async () => {
  await world.down()
  expect(await world.leaks()).toBe('')
})
afterAll(async () => {
  await world.close()
  execFileSync('umount', [disk])
  rmSync(disk, { recursive: true })
})

const fill = join(disk, 'fill')

function fillDisk(): void {
  const fd = openSync(fill, 'w')
  const block = Buffer.alloc(4096)
  try {
    for (;;) writeSync(fd, block)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  } finally {
    closeSync(fd)
  }
}

test('services run on while the disk is full, and nothing of their logs is lost', async () => {
  const one = sh(COUNTER)
  await world.up({ one })
  await world.line('one', /^20$/)
  const { pid } = await world.observe('one')
  fillDisk()
  await expect(world.apply({ one, two: one })).rejects.toThrow(
    /Cannot write record ".*tst.*no space left on device/i,
  )
  expect(await world.observe('one')).toMatchObject({ state: 'running', pid, attempt: 1 })
  // The next supervisor reads it all, as full as the disk is.
  await world.restart()
  expect(await world.observe('one')).toMatchObject({ state: 'running', pid, attempt: 1 })
  rmSync(fill)
  await world.line('one', /^400$/)
  await world.engine.stop('tst', { graceMs: 0 })
  const numbers = (await world.log('one')).toString().trim().split('\n').map(Number)
  expect(numbers).toEqual(numbers.map((_, at) => at))
  await world.up({ one, two: one })
})

test('a stack can be stopped and taken down although the disk is full', async () => {
  await world.up({ one: sh('exec sleep 1000'), two: sh('exec sleep 1000') })
  fillDisk()
  await world.engine.stop('tst', { services: ['two'], graceMs: 0 })
  expect(await world.observe('two')).toMatchObject({ state: 'exited', stoppedByUser: true })
  await world.down()
  expect((await world.engine.observe('tst')).containers).toEqual([])
  rmSync(fill)
})

test('a container that has filled the disk with its own output can be stopped and removed', async () => {
  const warnings: string[] = []
  const unsubscribe = world.engine.subscribe((event) => {
    if (event.kind === 'warning') warnings.push(event.message)
  })
  await world.up({ one: sh('exec yes') })
  fillDisk()
  await world.engine.stop('tst', { graceMs: 0 })
  unsubscribe()
  expect(await world.observe('one')).toMatchObject({ state: 'exited', stoppedByUser: true })
  expect(warnings).toEqual([expect.stringMatching(/^The last output of "tst-one-1" .*: df \//)])
  await world.down()
  rmSync(fill)
})
