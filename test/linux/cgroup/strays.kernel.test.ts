import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { detectCgroups } from '../../../src/linux/index.ts'
import { until } from '../../support/until.ts'

test('strays() finds a process that is elsewhere, and none that has ended or is gone', async () => {
  // Nobody reaps the first child of a shell that has become sleep.
  const child = spawn('sh', ['-c', 'exec 3<&0; cat <&3 >&2 & echo $!; exec sleep 1000'])
  try {
    const [text] = (await once(child.stdout, 'data')) as [Buffer]
    const ended = Number(text)
    await until(async () => readFileSync(`/proc/${child.pid}/comm`, 'latin1'), /sleep/)
    child.stdin.end()
    await until(async () => readFileSync(`/proc/${ended}/stat`, 'latin1'), /\) Z /)
    const host = detectCgroups()
    const group = host.open('tsstack/strays')
    expect(group.strays(child.pid ?? 0)).toHaveLength(host.hierarchies.length)
    expect(group.strays(ended)).toEqual([])
    expect(group.strays(4_194_305)).toEqual([]) // More than the kernel gives: PID_MAX_LIMIT.
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})
