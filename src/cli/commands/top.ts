/** `tsstack top`: the processes of containers. */

import { readFileSync } from 'node:fs'
import type { ContainerProcesses, ProcessReading } from '../../daemon/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions, formatOption, jsonOption } from '../options.ts'
import { print, wantsJson } from '../output.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'
import { table } from '../table.ts'

export const topCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .addOption(jsonOption())
      .addOption(formatOption())
      .action((services: readonly string[], flags: { readonly json?: boolean }) =>
        run((context) => top(context, services, wantsJson(flags))),
      )
  },
}

const HEAD = ['SERVICE', '#', 'UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'] as const

async function top(
  { asking, input }: Context,
  services: readonly string[],
  json: boolean,
): Promise<number> {
  const request = { kind: 'processes', input: input(), services } as const
  const { containers } = await askFor(asking, request, 'processes')
  const sorted = containers.toSorted((a, b) => (a.container < b.container ? -1 : 1))
  if (json) print(JSON.stringify(sorted.flatMap(toJson), undefined, 2))
  else print(table(HEAD, rowsOf(sorted)))
  return 0
}

function rowsOf(containers: readonly ContainerProcesses[]): readonly (readonly string[])[] {
  const names = userNames()
  return containers.flatMap(({ service, index, processes }) =>
    processes.map((each) => [
      safeText(service),
      `${index}`,
      names.get(each.uid) ?? `${each.uid}`,
      `${each.pid}`,
      `${each.ppid}`,
      `${busyPercent(each)}`,
      new Date(each.startedAt).toTimeString().slice(0, 5),
      each.terminal ?? '?',
      timeText(each.cpuMs),
      safeText(each.command),
    ]),
  )
}

/** As ps(1) counts: processor time over life time. */
function busyPercent({ cpuMs, startedAt }: ProcessReading): number {
  return Math.min(99, Math.floor((100 * cpuMs) / Math.max(1, Date.now() - startedAt)))
}

/** `00:01:05`. */
function timeText(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const parts = [seconds / 3600, (seconds / 60) % 60, seconds % 60]
  return parts.map((part) => `${Math.floor(part)}`.padStart(2, '0')).join(':')
}

/** As this machine names its users; what runs in a container may mean others by the same number. */
function userNames(): ReadonlyMap<number, string> {
  try {
    const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
    return new Map(
      lines.map((line) => line.split(':')).map(([name = '', , uid]) => [Number(uid), name]),
    )
  } catch {
    return new Map()
  }
}

function toJson({ container, service, index, processes }: ContainerProcesses): readonly unknown[] {
  return processes.map((each) => ({
    container,
    service,
    index,
    pid: each.pid,
    ppid: each.ppid,
    uid: each.uid,
    terminal: each.terminal ?? null,
    cpuMs: each.cpuMs,
    startedAt: new Date(each.startedAt).toISOString(),
    command: each.command,
  }))
}
