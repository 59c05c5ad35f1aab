/** RUN as a step: a command in a container on the layers so far, whose changes are the layer. */

import { join } from 'node:path'
import { TsstackError } from '../../errors.ts'
import type { Instruction, Run } from '../dockerfile/instruction.ts'
import { Problem } from '../dockerfile/problem.ts'
import { DEFAULT_PATH } from '../document.ts'
import { DEFAULT_SHELL } from '../plan/state.ts'
import type { Changes, StepPlace } from '../build.ts'
import type { PlannedStep, StageState } from '../stage.ts'
import { stepKey } from '../step-cache.ts'
import { strippedBody } from './heredoc.ts'
import { type MountPlan, planMounts, type PreparedMount } from './mounts.ts'
import { onlyHeredoc, type Script, SCRIPT_DIRECTORY, scriptOf } from './script.ts'
import { findStubs } from './stubs.ts'

export async function runStep(
  state: StageState,
  instruction: Instruction & Run,
): Promise<PlannedStep> {
  const { scope, image } = state
  const script = scriptOf(instruction)
  const args = argsOf(state, instruction, script)
  const mounts = await planMounts(state, instruction)
  const environment = { PATH: DEFAULT_PATH, ...Object.fromEntries(scope.runEnvironment()) }
  const network = networkOf(state, instruction)
  return {
    key: stepKey({
      kind: 'run',
      chain: state.chain,
      args,
      script: script?.text,
      environment,
      workingDir: image.WorkingDir,
      user: image.User,
      network,
      mounts: mounts.map(({ key }) => key),
    }),
    make: (place) =>
      execute(state, instruction, { ...place, args, script, mounts, environment, network }),
  }
}

interface Execution extends StepPlace {
  readonly args: readonly string[]
  readonly script: Script | undefined
  readonly mounts: readonly MountPlan[]
  readonly environment: Readonly<Record<string, string>>
  readonly network: Run['network']
}

async function execute(
  { session, layers, image }: StageState,
  instruction: Instruction & Run,
  execution: Execution,
): Promise<Changes> {
  const { id, draft, mounts, script } = execution
  const { build, roots } = session
  const { ports, request } = build
  await using held = new AsyncDisposableStack()
  const prepared: PreparedMount[] = []
  for (const { prepare } of mounts) prepared.push(await prepare({ draft, held, script }))
  const all = prepared.flatMap((one) => one.mounts)
  const workingDir = image.WorkingDir ?? '/'
  const stubs = findStubs(roots, layers, { mounts: all, workingDir })
  const upper = join(draft, 'upper')
  const lowers = roots.lowersOf(layers)
  const status = await launched(instruction, () =>
    ports.run({
      lowers,
      upper,
      args: execution.args,
      environment: environmentOf(build.global.proxies(), execution.environment, prepared),
      workingDir,
      user: image.User,
      network: execution.network,
      mounts: all,
      extraHosts: request.extraHosts,
      shmBytes: request.shmBytes,
      ulimits: request.ulimits,
      memoryBytesMax: request.memoryBytesMax,
      onOutput: (_, bytes) => ports.onEvent({ kind: 'output', id, bytes }),
      signal: ports.signal,
    }),
  )
  if (status !== 0) throw failed(instruction, status)
  stubs.removeFrom(upper)
  return { upper, lowers }
}

/** What the Dockerfile says hides the proxies of the caller; secrets come last. */
function environmentOf(
  proxies: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>>,
  prepared: readonly PreparedMount[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [proxies, own, ...prepared.map(({ environment }) => environment)].flatMap((each) =>
      Object.entries(each),
    ),
  )
}

function argsOf(
  { image }: StageState,
  { command }: Run,
  script: Script | undefined,
): readonly string[] {
  if (command.form === 'exec') return command.args
  const shell = image.Shell ?? DEFAULT_SHELL
  if (script) return [...shell, `${SCRIPT_DIRECTORY}/${script.name}`]
  const heredoc = onlyHeredoc(command)
  if (heredoc) return [...shell, strippedBody(heredoc)]
  const bodies = command.heredocs.map(({ body, name }) => `\n${body}${name}`)
  return [...shell, [command.text, ...bodies].join('')]
}

/** What the instruction says, or else what was asked for the whole build. */
function networkOf({ session }: StageState, { network }: Run): Run['network'] {
  return network === 'default' ? session.build.request.network : network
}

/** A program that cannot be run is the instruction's fault. */
async function launched({ statement }: Instruction, work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof TsstackError) || !LAUNCH_FAILURES.has(error.code)) throw error
    const text = error.message.replaceAll(/"_build-[0-9a-f]+"/g, 'RUN')
    const message = text.startsWith('Cannot') ? text : `Cannot start RUN: ${text}`
    const { start, end } = statement.args
    throw new Problem(message, { span: { start, end }, hint: error.hint })
  }
}

const LAUNCH_FAILURES: ReadonlySet<string> = new Set([
  'LAUNCH',
  'EXEC_NOT_FOUND',
  'EXEC_NOT_EXECUTABLE',
  'MOUNT_SOURCE',
])

function failed({ statement }: Instruction, status: number): Problem {
  const how =
    status > 128 ? `its command was killed by signal ${status - 128}` : `it ended with ${status}`
  const hint = status === 127 ? 'the program may be missing in the image' : 'see its output above'
  const span = { start: statement.args.start, end: statement.args.end }
  return new Problem(`Cannot finish RUN: ${how}`, { span, hint })
}
