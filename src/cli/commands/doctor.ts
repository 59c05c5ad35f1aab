/** `tsstack doctor`: what this host lacks, what dead stacks have left, and how to leave no trace. */

import { existsSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { appArmor, endSupervisor, takesFirewall, tracing } from '../../daemon/index.ts'
import type { KernelObject } from '../../daemon/index.ts'
import { EngineError, UsageError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'
import { confirm } from '../confirm.ts'
import type { Context } from '../context.ts'
import { checkHost } from '../host-checks.ts'
import type { Check } from '../host-checks.ts'
import { jsonOption } from '../options.ts'
import { isTerminal, print, say } from '../output.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'
import { unitFile, unitLink, unitPlace } from '../systemd-unit.ts'

export const doctorCommand: CommandModule = {
  define: (command, run) => {
    command
      .argument('[roots...]', 'with --clean: ids of state roots that are gone')
      .option('--clean', 'remove what dead stacks have left in the kernel')
      .option('--uninstall', 'remove everything of tsstack from this machine but its program')
      .option('-y, --yes', 'with --uninstall: do not ask, volumes are lost')
      .option('--verbose', 'name everything that dead stacks have left')
      .addOption(jsonOption())
      .action((roots: readonly string[], flags: DoctorFlags) =>
        run((context) => doctor(context, roots, flags)),
      )
  },
}

interface DoctorFlags {
  readonly clean?: boolean
  readonly uninstall?: boolean
  readonly yes?: boolean
  readonly verbose?: boolean
  readonly json?: boolean
}

/** It lets go of everything before it ends; a moment later it has ended. */
async function gone(pid: number): Promise<void> {
  for (let round = 0; round < 100 && existsSync(`/proc/${pid}`); round += 1) await sleep(20)
}

/** 0: all is well; 1: something is missing. */
async function doctor(
  context: Context,
  roots: readonly string[],
  flags: DoctorFlags,
): Promise<number> {
  const { clean = false, uninstall: isEnd = false, yes = false, json = false } = flags
  if (isEnd) return uninstall(context, yes)
  const found = await leftovers(context)
  if (clean) return removeAll(chosen(found, roots, await ownRoot(context)))
  const checks = checkHost(context.places, {
    appArmor: await appArmor(),
    firewall: await takesFirewall(),
  })
  if (json) print(JSON.stringify({ checks, leftovers: found }, undefined, 2))
  else show(checks, found, flags.verbose === true)
  return checks.some(({ state }) => state === 'missing') ? 1 : 0
}

function show(checks: readonly Check[], found: readonly KernelObject[], isVerbose: boolean): void {
  const marks = { ok: 'ok', weak: 'weak', missing: 'MISSING' }
  for (const { name, state, seen, cure } of checks) {
    print(`${marks[state].padEnd(8)} ${name.padEnd(12)} ${safeText(seen)}`)
    if (cure !== undefined) print(`${''.padEnd(22)}${cure}`)
  }
  const byRoot = Map.groupBy(found, ({ rootId }) => rootId)
  if (byRoot.size === 0) print(`${'ok'.padEnd(8)} ${'leftovers'.padEnd(12)} none`)
  for (const [rootId, objects] of byRoot) {
    const what = isVerbose
      ? objects.map(({ kind, name }) => `${kind} ${safeText(name)}`).join(', ')
      : countText(objects)
    const cure = `if it is gone: tsstack doctor --clean ${rootId}`
    print(`${'weak'.padEnd(8)} ${'leftovers'.padEnd(12)} of state root ${rootId}: ${what}; ${cure}`)
  }
}

/** `3 cgroups, 1 link`. */
function countText(objects: readonly KernelObject[]): string {
  return [...Map.groupBy(objects, ({ kind }) => kind)]
    .map(([kind, { length }]) => `${length} ${kind}${length === 1 ? '' : 's'}`)
    .join(', ')
}

/** Of roots without a process; of our own only when it has no stack, which they could be of. */
async function leftovers(context: Context): Promise<readonly KernelObject[]> {
  const { findTraces } = await tracing()
  const { objects, alive } = findTraces()
  const own = await ownRoot(context)
  const isKnown = existsSync(`${context.places.state}/stacks`)
  return objects.filter(({ rootId }) => !alive.has(rootId) && !(rootId === own && isKnown))
}

async function ownRoot({ places }: Context): Promise<string> {
  const { rootIdOf } = await tracing()
  return rootIdOf(places.state)
}

/** @throws {UsageError} for a root that has nothing left, or is alive */
function chosen(
  found: readonly KernelObject[],
  roots: readonly string[],
  own: string,
): readonly KernelObject[] {
  const wanted = roots.length > 0 ? roots : [own]
  const unknown = roots.find((root) => !found.some(({ rootId }) => rootId === root))
  if (unknown !== undefined) {
    throw new UsageError(`Cannot clean up after state root "${unknown}": it has left nothing`, {
      hint: 'a root with a process, or with stacks of its own, is no dead one: tsstack doctor',
    })
  }
  return found.filter(({ rootId }) => wanted.includes(rootId))
}

async function removeAll(objects: readonly KernelObject[]): Promise<number> {
  const { removeTraces } = await tracing()
  const failures = removeTraces(objects)
  const failed = new Set(failures.map(({ object }) => object))
  for (const object of objects) {
    if (!failed.has(object)) say(`${object.kind} ${safeText(object.name)}: removed`)
  }
  if (objects.length === 0) say('nothing to clean up')
  const [first] = failures
  if (first === undefined) return 0
  const { object, why } = first
  throw new EngineError('ACTION_FAILED', `Cannot remove ${object.kind} "${object.name}": ${why}`, {
    hint: 'end what uses it, and run this again',
  })
}

async function uninstall(context: Context, yes: boolean): Promise<number> {
  const { asking, places } = context
  const { stacks } = await askFor(asking, { kind: 'stacks' }, 'stacks')
  if (stacks.length > 0) {
    const names = stacks.map(({ name }) => name).join(', ')
    throw new UsageError(`Cannot uninstall: there are stacks: ${names}`, {
      code: 'STACK_BUSY',
      hint: `take them down: ${stacks.map(({ name }) => `tsstack -p ${name} down`).join('; ')}`,
    })
  }
  const { volumes } = await askFor(asking, { kind: 'volumes' }, 'volumes')
  const names = volumes.map(({ spec }) => safeText(spec.name)).join(', ')
  const data = names && ` and the data of ${names}`
  const what = `"${places.state}" and "${places.run}", all images${data}`
  if (!yes) {
    if (!isTerminal(0)) {
      throw new UsageError(`Cannot ask whether to remove ${what}: there is no terminal`, {
        hint: 'say so by --yes',
      })
    }
    if (!confirm(`remove ${what}?`)) return 0
  }
  const { status } = await askFor(asking, { kind: 'status' }, 'status')
  await endSupervisor(asking)
  await gone(status.pid)
  const place = unitPlace(process.env, process.geteuid?.() === 0)
  for (const path of [unitLink(place), unitFile(place), places.run, places.state]) {
    rmSync(path, { recursive: true, force: true })
  }
  const own = await ownRoot(context)
  const found = await leftovers(context)
  await removeAll(found.filter(({ rootId }) => rootId === own))
  say(`removed ${what}; what is left is the program itself: npm uninstall -g tsstack`)
  return 0
}
