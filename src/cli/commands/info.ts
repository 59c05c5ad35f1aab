/** `tsstack info`: what this host offers, and what the supervisor does. */

import {
  appArmor,
  readRootlessView,
  type RootlessFact,
  rootlessFacts,
  takesFirewall,
  VERSION,
} from '../../daemon/index.ts'
import type { AppArmor, SupervisorStatus } from '../../daemon/index.ts'
import { TsstackError } from '../../errors.ts'
import { appArmorText } from '../app-armor-text.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { durationText } from '../duration.ts'
import { readHostInfo } from '../host-info.ts'
import type { HostInfo } from '../host-info.ts'
import { jsonOption } from '../options.ts'
import { print } from '../output.ts'
import { askFor } from '../request.ts'

export const infoCommand: CommandModule = {
  define: (command, run) => {
    command
      .addOption(jsonOption())
      .action((flags: InfoFlags) => run((context) => info(context, flags)))
  },
}

interface InfoFlags {
  readonly json?: boolean
}

async function info(context: Context, { json = false }: InfoFlags): Promise<number> {
  const { state, run, socket, log } = context.places
  const paths = { state, run, socket, log }
  const supervisor = await supervisorStatus(context)
  const read = readHostInfo()
  // A kernel may have nf_tables, and none of what our rules need: that was tried.
  const nftables = supervisor?.hasFirewall ?? (await takesFirewall()) ?? read.nftables
  const host = { ...read, nftables, appArmor: await appArmor() }
  const rootless = rootlessFacts(readRootlessView())
  if (json) {
    const all = { version: VERSION, host, paths, supervisor: supervisor ?? null, rootless }
    print(JSON.stringify(all, undefined, 2))
    return 0
  }
  for (const [label, value] of lines(host, paths, supervisor)) {
    print(`${`${label}:`.padEnd(14)}${value}`)
  }
  if (process.geteuid?.() === 0) return 0
  print('without root:')
  rootless.forEach(printFact)
  return 0
}

/** What a user without root has here, and how to have more. */
function printFact({ name, state, detail, hint }: RootlessFact): void {
  print(`  ${`${name}:`.padEnd(18)}${state === 'ok' ? '' : `${state}: `}${detail}`)
  if (hint !== undefined) print(`${' '.repeat(20)}${hint}`)
}

/** The host can be looked at without root; the supervisor cannot. */
async function supervisorStatus({ asking }: Context): Promise<SupervisorStatus | undefined> {
  try {
    return (await askFor(asking, { kind: 'status' }, 'status')).status
  } catch (error) {
    if (error instanceof TsstackError && error.code === 'NOT_ROOT') return undefined
    throw error
  }
}

const NO_NFTABLES =
  'no: published ports go through a proxy that lives as long as the supervisor, and containers ' +
  'reach nothing outside their networks'

function lines(
  host: HostInfo & { readonly appArmor: AppArmor },
  paths: Readonly<Record<string, string>>,
  supervisor: SupervisorStatus | undefined,
): readonly (readonly [string, string])[] {
  return [
    ['tsstack', VERSION],
    ['kernel', `${host.kernel} ${host.architecture}`],
    ['cgroup', host.cgroup],
    ['overlay', host.overlay ? 'yes' : 'no: the kernel does not know it, or has not loaded it'],
    ['nftables', host.nftables ? 'yes' : NO_NFTABLES],
    ['apparmor', appArmorText(host.appArmor)],
    ['node', host.node],
    ...Object.entries(paths),
    [
      'supervisor',
      supervisor === undefined ? 'not for you to see: root is needed' : text(supervisor),
    ],
    ...(supervisor?.hostNames === undefined ? [] : [['names', supervisor.hostNames] as const]),
  ]
}

function text({ pid, version, startedAt, memoryBytes, stacks }: SupervisorStatus): string {
  const mebibytes = Math.round(memoryBytes / 1024 / 1024)
  const age = durationText(Date.now() - startedAt)
  return `pid ${pid}, version ${version}, up ${age}, ${mebibytes} MiB, ${stacks.length} stacks`
}
