/** What a killed supervisor leaves: containers, their monitors and log movers. */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readAttemptStatus } from '../../src/engine/records/attempt.ts'
import { untilThere, type Resources, type Service, type World } from './support.ts'

/** Another process makes the stack, and is killed without warning. */
export async function upAndKill(
  world: World,
  services: Readonly<Record<string, Service>>,
  resources: Resources = {},
): Promise<void> {
  const supervisor = await world.superviseElsewhere(services, { resources })
  supervisor.kill('SIGKILL')
  await once(supervisor, 'exit')
}

export const COUNTER = 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.01; done'

/** A part of a script that waits for {@link goAhead}. */
export const UNTIL_GO: string = untilThere('/tmp/go')

/** Lets a container go on whose program is `pid`, while no supervisor lives to be asked. */
export function goAhead(pid: number): void {
  writeFileSync(`/proc/${pid}/root/tmp/go`, '')
}

interface Helpers {
  readonly monitor: { readonly pid: number }
  readonly mover: { readonly pid: number }
}

/** Of the service `one`. */
export function helpersOf(world: World): Helpers {
  const run = join(world.root, 'run/containers/tst-one-1')
  const { monitor } = JSON.parse(readFileSync(join(run, 'attempt.json'), 'utf8')) as Helpers
  return { monitor, mover: { pid: readAttemptStatus(join(run, 'status'))?.mover ?? 0 } }
}

/** Of a monitor: the container's first program, then the log mover. */
export function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}

/** Waits until no process `pid` is left but perhaps a zombie that its new parent has not reaped. */
export async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      if (/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return
    } catch {
      return
    }
    await sleep(5)
  }
}
