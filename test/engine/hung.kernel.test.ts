/**
 * A process that hangs in the kernel (state D): nothing ends it. A file system that is frozen holds
 * whoever writes to it, as a disk does that has gone away.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { goAhead, UNTIL_GO } from './left-behind.ts'
import { sh, STACK, World } from './support.ts'

const place = mkdtempSync(join(tmpdir(), 'tsstack-hung-'))
const image = join(place, 'image')
const disk = join(place, 'disk')

let world: World
let cannot = ''
beforeAll(async () => {
  mkdirSync(disk)
  execFileSync('truncate', ['-s', '16M', image])
  // The module comes by itself only where its devices are there before it.
  const make = `{ modprobe -q loop; mkfs.ext4 -q -F ${image} && mount -o loop ${image} ${disk}; }`
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }
  const { status, stderr } = spawnSync('sh', ['-c', make], { encoding: 'utf8', env })
  if (status !== 0) cannot = `no disk in a file here: ${stderr.trim()}`
  world = await World.open()
})
afterEach(async () => {
  // Thawed already, when all went well.
  spawnSync('fsfreeze', ['-u', disk])
  await world.down()
  expect(await world.leaks()).toBe('')
})
afterAll(async () => {
  await world.close()
  if (cannot === '') execFileSync('umount', [disk])
  rmSync(place, { recursive: true })
})

/** Seen several times in a row: for a moment every process that reads from a disk is so. */
async function untilHung(pid: number): Promise<void> {
  for (let seen = 0; seen < 10; await sleep(10)) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    seen = /^State:\tD/m.test(status) ? seen + 1 : 0
  }
}

test('stop and kill name a process that hangs in the kernel, and it ends by itself later', async ({
  skip,
}) => {
  if (cannot !== '') return skip(cannot)
  const target = { kind: 'bind', source: disk, target: '/disk', readOnly: false } as const
  const hung = {
    ...sh(`${UNTIL_GO}; echo x > /disk/file; exec sleep 1000`),
    mounts: [{ ...target, createHostPath: false }],
    restart: { condition: 'always' },
  } as const
  await world.up({ hung, other: sh('exec sleep 1000') })
  const { pid = 0 } = await world.observe('hung')
  execFileSync('fsfreeze', ['-f', disk])
  goAhead(pid)
  await untilHung(pid)

  const { outcomes } = await world.engine.stop(STACK, { graceMs: 0 })
  const said = outcomes.map((one) =>
    one.kind === 'failed' ? one.error.message : `${one.action.id} ${one.kind}`,
  )
  expect(said.toSorted()).toEqual([
    expect.stringMatching(RegExp(`^Cannot kill process ${pid} \\(sh\\) of .*hangs in the kernel`)),
    'stop-container:tst-other-1 done',
  ])
  expect(await world.observe('hung')).toMatchObject({ state: 'running', pid })
  expect(await world.observe('other')).toMatchObject({ state: 'exited' })
  const kill = world.engine.change(STACK, 'kill', { services: ['hung'] })
  expect((await kill).outcomes).toMatchObject([{ kind: 'failed' }])

  execFileSync('fsfreeze', ['-u', disk])
  expect(await world.exited('hung')).toMatchObject({ exitCode: 137, attempt: 1 })
})
