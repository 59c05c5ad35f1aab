/** What one launch costs: monitor, container, mover and their records, beside the C yardstick. */
import { join } from 'node:path'
import { createEngine, type Engine, type EngineEvent } from '../src/engine/index.ts'
import { desire, type DesiredState } from '../src/planner/index.ts'
import { loadStack } from '../src/spec/index.ts'
import { leaks, snapshot } from '../test/support/leak.ts'
import { openFloor } from './floor.ts'
import { compare, statistics, type Group } from './measure.ts'
import { ociContenders } from './peers.ts'

/** Launches in a row that one round of a contender takes the median of. */
const BATCH = 50

export interface LaunchSetting {
  readonly directory: string
  /** Holds /bin/true. */
  readonly rootfs: string
}

/**
 * From the start action to the report that the program has ended, everything of ours switched on.
 */
export async function launchGroup({ directory, rootfs }: LaunchSetting): Promise<Group> {
  const launcher = await openLauncher({ directory, rootfs })
  const floor = await openFloor(directory, rootfs)
  const rows = await compare(
    {
      ...(floor ? { 'floor.c': () => floor(BATCH) } : {}),
      'tsstack start to exit': async () => statistics(await launcher.launch(BATCH)).median,
      ...(await ociContenders(directory, rootfs)),
    },
    11,
  )
  await launcher.close()
  return {
    title: 'Launch of one container',
    note: [
      `Median of ${BATCH} launches of \`/bin/true\` in a row, with all namespaces, overlay and limits.`,
      'floor.c does the least that the kernel asks for. tsstack adds capabilities, seccomp, masked',
      'paths, /dev, /sys, hosts files, a log mover, and records that outlive a crash. Its run',
      'directory is a tmpfs, as /run is under systemd; layers and records are on the disk.',
      'crun and runc are whole commands, without overlay and network.',
    ].join('\n'),
    unit: 'ms',
    yardstick: floor ? 'floor.c' : undefined,
    rows,
  }
}

/** `count` launches without a failure, and the machine afterwards as it was before. */
export async function endurance(
  setting: LaunchSetting & { readonly count: number },
): Promise<Group> {
  const { count, directory } = setting
  const scope = { marks: [join(directory, 'launch')] }
  const before = snapshot(scope)
  const launcher = await openLauncher(setting)
  const begun = performance.now()
  const times = await launcher.launch(count)
  const whole = (performance.now() - begun) / count
  await launcher.close()
  const left = await leaks(before, scope)
  if (left !== '') throw new Error(`${count} launches left behind:\n${left}`)
  return {
    title: `${count} launches in a row`,
    note: 'Each ended with status 0; the leak check found nothing afterwards.',
    unit: 'ms',
    rows: {
      'tsstack start to exit': statistics(times),
      'tsstack with plan, clean-up and records': { median: whole, min: whole, max: whole, count },
    },
  }
}

interface Launcher {
  /** Milliseconds of each of `count` launches; throws if one ends with anything but 0. */
  launch(count: number): Promise<readonly number[]>
  close(): Promise<void>
}

async function openLauncher({ directory, rootfs }: LaunchSetting): Promise<Launcher> {
  const engine = await createEngine({
    stateDirectory: join(directory, 'launch/state'),
    runDirectory: join(directory, 'launch/run'),
  })
  const desired = oneService(rootfs)
  return {
    launch: async (count) => {
      const times: number[] = []
      for (let index = 0; index < count; index += 1) times.push(await launchOnce(engine, desired))
      return times
    },
    close: async () => {
      await engine.apply(desired.stack, undefined, { volumes: true })
      await engine.close()
    },
  }
}

async function launchOnce(engine: Engine, desired: DesiredState): Promise<number> {
  let begun = 0
  const exited = new Promise<number>((resolve, reject) => {
    const unsubscribe = engine.subscribe((event) => {
      if (isStart(event)) begun = performance.now()
      if (event.kind !== 'container' || event.state !== 'exited') return
      unsubscribe()
      if (event.exitCode === 0) resolve(performance.now() - begun)
      else reject(new Error(`The container ended with ${event.exitCode}`))
    })
  })
  const { outcomes } = await engine.apply(desired.stack, desired, { forceRecreate: true })
  const failed = outcomes.find((outcome) => outcome.kind !== 'done')
  if (failed) throw new Error(`Not launched: ${JSON.stringify(failed)}`)
  return exited
}

const isStart = (event: EngineEvent): boolean =>
  event.kind === 'action' && event.phase === 'begun' && event.action.kind === 'start-container'

/** A stack of one service that runs /bin/true once. */
function oneService(rootfs: string): DesiredState {
  const text = [
    'name: launch',
    'services:',
    '  one:',
    `    image: 'dir:${rootfs}'`,
    '    command: [/bin/true]',
    '    network_mode: none',
    '    mem_limit: 64m',
    '    pids_limit: 64',
  ].join('\n')
  const { stack } = loadStack({
    cwd: '/',
    env: {},
    files: ['/stack.yaml'],
    loader: {
      readFile: () => new TextEncoder().encode(text),
      kindOf: (path) => (path === '/stack.yaml' ? 'file' : 'absent'),
    },
  })
  return desire(stack, { directory: '/', files: ['/stack.yaml'] })
}
