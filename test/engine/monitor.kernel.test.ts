/** The monitor's program alone, with descriptors and a child of the test's. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FD, MOVER_FD } from '../../src/engine/container/descriptors.ts'
import { monitorProgram } from '../../src/engine/container/monitor.ts'
import { spawn, waitForExit } from '../../src/linux/launch/spawn.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsstack-monitor-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

test('a monitor whose log mover cannot run ends some time after its container', () => {
  const program = monitorProgram(
    { cloneFlags: 0, keepsStatus: true, mover: { title: 'tsstack: log test' } },
    (draft) => draft.call('exit_group', [7]),
  )
  const none = openSync('/dev/null', 'r+') // Nothing that could be executed.
  const status = openSync(join(directory, 'status'), 'w+')
  const descriptors = {
    0: none,
    1: none,
    2: none,
    [FD.fifo]: none,
    [FD.status]: status,
    [FD.init]: none,
    ...Object.fromEntries(Object.values(MOVER_FD).map((fd) => [fd, none])),
  }
  const pid = spawn(program, { title: 'tsstack: monitor test', descriptors })
  for (const fd of [none, status]) closeSync(fd)
  expect(waitForExit(pid)).toMatchObject({ kind: 'exited', code: 0 })
  expect(readFileSync(join(directory, 'status')).length).toBeGreaterThan(0)
})
