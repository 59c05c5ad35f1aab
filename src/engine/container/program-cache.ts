/**
 * Launch programs that were written before: a restart and a health probe ask for the same again,
 * and the containers of a stack for what differs in words alone.
 */

import { hash } from 'node:crypto'
import { Blanks, FilledProgram, type LaunchProgram, type Program } from '../../linux/index.ts'
import { LAUNCH_PROGRAMS_KEPT } from '../../limits.ts'
import type { ChildInput, ProgramInput } from './child.ts'
import type { MonitorInput } from './monitor.ts'

/** All that a launch program depends on. */
export interface Launch<Input extends ProgramInput> {
  readonly child: Input
  readonly monitor: MonitorInput
}

type OwnBlanks<Input> = (child: Input, blanks: Blanks) => Partial<Input>

const programs = new Map<string, Program>()

/**
 * The program that `write` makes of `launch`, or an earlier one of its kind with the words of this
 * one: `write` is given blanks for the words that no step depends on, those of `own` among them. A
 * filter is known by its Buffer, of which there is one of each kind.
 */
export function cachedProgram<Input extends ProgramInput>(
  launch: Launch<Input>,
  write: (launch: Launch<Input>) => Program,
  own: OwnBlanks<Input> = () => ({}),
): LaunchProgram {
  const blanks = new Blanks()
  // What is done for users of its own is a function, and knows the words.
  const kind = launch.monitor.users === undefined ? withBlanks(launch, blanks, own) : launch
  const { child, monitor } = kind
  const { seccomp, capabilityMask, rlimits, users, ...plain } = child
  const limits = [...rlimits, ...(users?.raised ?? [])].map(
    ({ resource, soft, hard }) => `${resource} ${soft} ${hard}`,
  )
  const filter = seccomp && identityOf(seccomp)
  const text = JSON.stringify([plain, monitor, filter, `${capabilityMask}`, limits, users?.first])
  // The text itself would be kept as long as the program, and is nearly as large.
  const key = hash('sha256', text, 'base64')
  const program = programs.get(key) ?? write(kind)
  // The one used last is forgotten last.
  programs.delete(key)
  programs.set(key, program)
  if (programs.size > LAUNCH_PROGRAMS_KEPT) {
    const [oldest = ''] = programs.keys()
    programs.delete(oldest)
  }
  return new FilledProgram(program, blanks.values)
}

function withBlanks<Input extends ProgramInput>(
  { child, monitor }: Launch<Input>,
  blanks: Blanks,
  own: OwnBlanks<Input>,
): Launch<Input> {
  const { process, name } = child
  const words = (list: readonly string[]): readonly string[] => list.map((word) => blanks.of(word))
  const { enter, mover } = monitor
  return {
    child: {
      ...child,
      name: blanks.of(name),
      process: { ...process, args: words(process.args), env: words(process.env) },
      ...own(child, blanks),
    },
    monitor: {
      ...monitor,
      ...(enter?.tasks && { enter: { ...enter, tasks: words(enter.tasks) } }),
      ...(mover && { mover: { title: blanks.of(mover.title) } }),
    },
  }
}

/** In the program of a new container: the names of its groups, and what its files in /etc say. */
export function blanksOfNew(
  { tasks, config, mounts }: ChildInput,
  blanks: Blanks,
): Pick<ChildInput, 'tasks' | 'config' | 'mounts'> {
  const { etc } = mounts
  return {
    tasks: tasks.map((path) => blanks.of(path)),
    config: { ...config, hostname: blanks.of(config.hostname) },
    mounts: {
      ...mounts,
      mounts: mounts.mounts.map((mount) =>
        mount.kind === 'bind-host' ? { ...mount, source: blanks.of(mount.source) } : mount,
      ),
      etc: {
        ...etc,
        files: etc.files.map(({ name, content }) => ({ name, content: blanks.of(content) })),
      },
    },
  }
}

const identities = new WeakMap<Buffer, number>()
let last = 0

function identityOf(buffer: Buffer): number {
  const known = identities.get(buffer)
  if (known !== undefined) return known
  last += 1
  identities.set(buffer, last)
  return last
}
