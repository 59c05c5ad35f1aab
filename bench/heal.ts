/** How soon what somebody else breaks in the kernel is told by `events`. */
import { spawn } from 'node:child_process'
import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { CLI, tsstack, type Setting } from './commands.ts'
import { run, statistics, type Group } from './measure.ts'

/** Longer than a look of the supervisor is put off. */
const SETTLE_MS = 1_000

/** An act of somebody's, and what is said of it. */
interface Act {
  readonly says: RegExp
  readonly act: () => Promise<unknown>
}

/** Each act `rounds` times, from its end to the line of `events`. */
export async function healGroup({ directory, image, rounds }: Setting): Promise<Group> {
  const file = write(directory, image)
  const told = new Told()
  await tsstack('-f', file, 'up', '-d')
  const events = spawn(process.execPath, [CLI, '-f', file, 'events', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  createInterface(events.stdout).on('line', (line) => told.hear(line))
  try {
    await told.soon(/"drift"/, () => run('nft', ['flush', 'ruleset'])) // it listens
    const times: Record<string, number[]> = {}
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, { says, act }] of Object.entries(actsOn(file))) {
        await settled(file)
        const took = await told.soon(says, act)
        times[name] = [...(times[name] ?? []), took]
      }
    }
    const rows = Object.entries(times).map(([name, took]) => [name, statistics(took)] as const)
    return {
      title: 'Seen in the kernel',
      note: 'From the end of the act to its line in `events --json`; mended by then.',
      unit: 'ms',
      rows: Object.fromEntries(rows),
    }
  } finally {
    events.kill()
    await tsstack('-f', file, 'down', '-t', '0')
  }
}

function actsOn(file: string): Readonly<Record<string, Act>> {
  return {
    'bridge deleted': {
      says: /bridge was gone/,
      act: async () => run('ip', ['link', 'delete', await linkOf('bridge')]),
    },
    'veth deleted': {
      says: /interface heal_default was gone/,
      act: async () => run('ip', ['link', 'delete', await linkOf('veth')]),
    },
    'rules flushed': { says: /firewall/, act: () => run('nft', ['flush', 'ruleset']) },
    'limit edited': { says: /limit memory/, act: async () => editLimit() },
    'monitor killed': {
      says: /"action":"die"/,
      act: async () => process.kill(await monitorOf(file), 'SIGKILL'),
    },
  }
}

/** Runs, with nothing drifted, and what was to be said of the act before has been said. */
async function settled(file: string): Promise<void> {
  for (;;) {
    await sleep(SETTLE_MS)
    const list = JSON.parse(await tsstack('-f', file, 'ps', '--json')) as { state: string }[]
    const facts = JSON.parse(await statusOf(file)) as { state: string }[]
    const isWhole = facts.length > 0 && facts.every(({ state }) => state === 'InSync')
    if (isWhole && list.some(({ state }) => state === 'running')) return
  }
}

/** Its exit status says that something has drifted: that is no failure here. */
const statusOf = (file: string): Promise<string> =>
  run('sh', [
    '-c',
    '"$@" || [ $? = 2 ]',
    'sh',
    process.execPath,
    CLI,
    '-f',
    file,
    'status',
    '--json',
  ])

async function linkOf(kind: string): Promise<string> {
  const links = await run('ip', ['-o', 'link', 'show', 'type', kind])
  return /^\d+: ([^:@]+)/.exec(links)?.[1] ?? ''
}

async function editLimit(): Promise<void> {
  const v1 = globSync('/sys/fs/cgroup/memory/tsstack/*/heal/heal-web-1/memory.limit_in_bytes')
  const v2 = globSync('/sys/fs/cgroup/tsstack/*/heal/heal-web-1/memory.max')
  for (const path of [...v1, ...v2]) writeFileSync(path, `${32 * 1024 * 1024}`)
}

async function monitorOf(file: string): Promise<number> {
  const facts = JSON.parse(await statusOf(file)) as {
    readonly field: string
    readonly actual: string
  }[]
  const monitor = facts.find(({ field }) => field === 'monitor')
  return Number(monitor?.actual.replace('pid ', ''))
}

/** Lines of `events`, as they come. */
class Told {
  #wanted: { readonly says: RegExp; readonly done: () => void } | undefined

  hear(line: string): void {
    if (this.#wanted?.says.test(line)) this.#wanted.done()
  }

  /** Milliseconds from the end of `act` to the first line that says so. */
  async soon(says: RegExp, act: () => Promise<unknown>): Promise<number> {
    const heard = Promise.withResolvers<number>()
    this.#wanted = { says, done: () => heard.resolve(performance.now()) }
    await act()
    const acted = performance.now()
    return Math.max(0, (await heard.promise) - acted)
  }
}

function write(directory: string, image: string): string {
  const file = join(directory, 'heal.yaml')
  const lines = [`image: '${image}'`, 'command: [/bin/sleep, "100000"]', 'restart: always']
  const more = ['stop_signal: SIGKILL', 'mem_limit: 64m', 'ports: ["8080:80"]']
  const text = [
    'name: heal',
    'services:',
    '  web:',
    ...[...lines, ...more].map((one) => `    ${one}`),
  ]
  writeFileSync(file, `${text.join('\n')}\n`)
  return file
}
