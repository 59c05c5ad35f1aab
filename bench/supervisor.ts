/** What the supervisor costs while it waits, while all crash, and when one has to come back. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { tsstack, type Setting } from './commands.ts'
import { statistics, type Group, type Statistics } from './measure.ts'
import { writeStack } from './stacks.ts'

/** USER_HZ of proc(5): the unit of times in /proc/PID/stat. */
const TICKS_PER_SECOND = 100
const IDLE_SECONDS = 60
const STORM_SECONDS = 60

/** Resident size with 50 services, processor time with 100 that sleep. */
export async function idleGroups({ directory, image }: Setting): Promise<readonly Group[]> {
  const fifty = writeStack({ directory, image, count: 50, name: 'idle50' })
  await tsstack('-f', fifty, 'up', '-d')
  const pid = await supervisorPid()
  await sleep(2_000)
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const resident = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) / 1024
  const more = writeStack({ directory, image, count: 50, name: 'idle50more' })
  await tsstack('-f', more, 'up', '-d')
  await sleep(5_000)
  const share = await processorShare(pid, IDLE_SECONDS)
  await tsstack('-f', fifty, 'down', '-t', '0')
  await tsstack('-f', more, 'down', '-t', '0')
  return [
    figure('Supervisor, 50 containers', 'MiB resident', resident),
    figure(`Supervisor, 100 idle containers, over ${IDLE_SECONDS} s`, '% of a core', share),
  ]
}

/** 50 services that exit at once and are always started again, beside a healthy neighbour. */
export async function stormGroup({ directory, image }: Setting): Promise<readonly Group[]> {
  const neighbour = writeStack({ directory, image, count: 1, name: 'neighbour' })
  await tsstack('-f', neighbour, 'up', '-d')
  const pid = await supervisorPid()
  const calm = await execTimes(neighbour, 10)
  const file = writeStack({ directory, image, count: 50, name: 'storm' })
  const text = readFileSync(file, 'utf8')
  const crashing = text.replaceAll('command: [/bin/sleep, "100000"]', 'command: [/bin/true]')
  writeFileSync(file, crashing.replaceAll('stop_signal: SIGKILL', 'restart: always'))
  await tsstack('-f', file, 'up', '-d')
  const share = processorShare(pid, STORM_SECONDS)
  const stormy = await execTimes(neighbour, 30)
  const percent = await share
  await tsstack('-f', file, 'down', '-t', '0')
  await tsstack('-f', neighbour, 'down', '-t', '0')
  return [
    figure(`50 services that exit at once, over ${STORM_SECONDS} s`, '% of a core', percent),
    {
      title: 'exec in a neighbour of the 50',
      note: '`tsstack exec s1 true`, before and during the storm.',
      unit: 'ms',
      yardstick: 'tsstack exec, before',
      rows: { 'tsstack exec, before': calm, 'tsstack exec, during': stormy },
    },
  ]
}

/** From the death of pid 1 to the replacement that runs, by the times in the container's log. */
export async function restartGroup({ directory, image, rounds }: Setting): Promise<Group> {
  const file = join(directory, 'restart.yaml')
  const script = 'echo; exec /bin/sleep 1000'
  writeFileSync(
    file,
    `name: restart\nservices:\n  s1:\n    image: '${image}'\n    restart: always\n` +
      `    stop_signal: SIGKILL\n    command: [/bin/sh, -c, ${JSON.stringify(script)}]\n`,
  )
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    await tsstack('-f', file, 'up', '-d')
    const [{ pid = 0 } = {}] = JSON.parse(await tsstack('-f', file, 'ps', '--json')) as {
      pid?: number
    }[]
    if (pid <= 0) throw new Error('Cannot measure a restart: the service does not run')
    await sleep(300)
    const killed = Date.now()
    process.kill(pid, 'SIGKILL')
    await sleep(800)
    const lines = await tsstack('-f', file, 'logs', '-t', '--no-log-prefix')
    const [stamp = ''] = lines.trim().split('\n').at(-1)?.split(' ') ?? []
    times.push(Date.parse(stamp) - killed)
    await tsstack('-f', file, 'down', '-t', '0')
  }
  return {
    title: 'Restart',
    note: 'SIGKILL for pid 1 to the first line of its replacement; 100 ms are the back-off.',
    unit: 'ms',
    rows: { 'tsstack, killed to running': statistics(times) },
  }
}

async function supervisorPid(): Promise<number> {
  const { supervisor } = JSON.parse(await tsstack('info', '--json')) as {
    readonly supervisor: { readonly pid: number }
  }
  return supervisor.pid
}

async function processorShare(pid: number, seconds: number): Promise<number> {
  const [before, begun] = [ticksOf(pid), performance.now()]
  await sleep(seconds * 1000)
  const spent = (ticksOf(pid) - before) / TICKS_PER_SECOND
  return (spent / ((performance.now() - begun) / 1000)) * 100
}

/** utime and stime: fields 14 and 15, counted behind the name, which may hold spaces. */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}

async function execTimes(file: string, count: number): Promise<Statistics> {
  const times: number[] = []
  for (let round = 0; round < count; round += 1) {
    const begun = performance.now()
    await tsstack('-f', file, 'exec', 's1', '/bin/true')
    times.push(performance.now() - begun)
    await sleep(1_000)
  }
  return statistics(times)
}

const figure = (title: string, unit: string, value: number): Group => ({
  title,
  note: 'One look.',
  unit,
  rows: { 'tsstack supervisor': { median: value, min: value, max: value, count: 1 } },
})
