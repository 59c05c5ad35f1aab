/** Runs the hooks of a config at their times. @see config.md, POSIX-platform Hooks */

import { spawn as spawnProcess } from 'node:child_process'
import { writeSync } from 'node:fs'
import { runJoined, Undo } from '../engine/index.ts'
import { EngineError, errorText } from '../errors.ts'
import { childEnd, CLONE_NEW, close, pidfdOpen, pipe, type WaitResult } from '../linux/index.ts'
import type { HookName, SpecHook } from './spec.ts'
import type { Container, OciState } from './store.ts'

export interface HookRun {
  readonly name: HookName
  readonly container: Container
  /** What they read from their input. */
  readonly state: OciState
}

/** One after the other; throws LAUNCH for the first that fails. */
export async function runHooks(run: HookRun): Promise<void> {
  for (const hook of run.container.hooks?.[run.name] ?? []) await runHook(hook, run)
}

/** All of them; says of each that fails, and goes on. */
export async function tryHooks(run: HookRun, warn: (text: string) => void): Promise<void> {
  for (const hook of run.container.hooks?.[run.name] ?? []) {
    try {
      await runHook(hook, run)
    } catch (error) {
      warn(errorText(error))
    }
  }
}

async function runHook(hook: SpecHook, run: HookRun): Promise<void> {
  const state = JSON.stringify(run.state)
  const ended = await runIn(run, hook, state)
  if (ended.why !== undefined) {
    throw new EngineError('LAUNCH', `Cannot run ${run.name} hook "${hook.path}": ${ended.why}`, {
      hint: ended.output === '' ? undefined : ended.output,
    })
  }
}

/** @see config.md, POSIX-platform Hooks: where each is executed, and where its path leads. */
function runIn({ name, container }: HookRun, hook: SpecHook, state: string): Promise<Ended> {
  if (name === 'createContainer') return runInside(hook, container, state)
  if (name === 'startContainer') return runConfined(hook, container, state)
  return runOutside(hook, state)
}

interface Ended {
  /** Absent: it succeeded. */
  readonly why?: string
  /** What it said of its failure. */
  readonly output: string
}

const OUTPUT_CHARACTERS_MAX = 4096

function runOutside({ path, args, env, timeout }: SpecHook, state: string): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>()
  const [argv0 = path, ...words] = args ?? []
  const child = spawnProcess(path, words, {
    argv0,
    env: Object.fromEntries((env ?? []).map((entry) => splitAt(entry))),
    stdio: ['pipe', 'ignore', 'pipe'],
    ...(timeout === undefined ? {} : { timeout: timeout * 1000, killSignal: 'SIGKILL' as const }),
  })
  let output = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    output = `${output}${chunk.toString()}`.slice(0, OUTPUT_CHARACTERS_MAX)
  })
  // One that does not read its input closes it.
  child.stdin?.on('error', () => {})
  child.stdin?.end(state)
  child.on('error', (error) => resolve({ why: error.message, output }))
  child.on('exit', (code, signal) => {
    // What it has started may hold its output open, and would be waited for.
    child.stderr?.destroy()
    if (code === 0) resolve({ output })
    else if (signal === null) resolve({ why: `exit status ${code}`, output: output.trim() })
    else resolve({ why: lateOr(signal, timeout), output: output.trim() })
  })
  return promise
}

function lateOr(signal: string, timeout: number | undefined): string {
  const isLate = timeout !== undefined && signal === 'SIGKILL'
  return isLate ? `it took longer than ${timeout} s` : `it was ended by ${signal}`
}

function splitAt(entry: string): readonly [string, string] {
  const at = entry.indexOf('=')
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
}

async function runInside(
  { path, args, env, timeout }: SpecHook,
  container: Container,
  state: string,
): Promise<Ended> {
  const pidfd = pidfdOpen(container.pid ?? 0)
  const input = pipe({ size: 64 * 1024 })
  try {
    writeSync(input.write, state)
    close(input.write)
    const { end } = await runJoined({
      title: 'tsstack-oci: hook',
      pidfd,
      namespaces: container.namespaces & ~CLONE_NEW.cgroup,
      path,
      args: args === undefined || args.length === 0 ? [path] : args,
      env: env ?? [],
      streams: { input: input.read, output: 2 },
      timeout,
      fallbackDirectory: '/run',
    })
    return endOf(end, timeout)
  } finally {
    close(input.read)
    close(pidfd)
  }
}

/** A program of the container's own: it may do what the container may, and no more. */
async function runConfined(
  { path, args = [], env = [], timeout }: SpecHook,
  container: Container,
  state: string,
): Promise<Ended> {
  const [{ readBundle }, { startJoined }] = await Promise.all([
    import('./bundle.ts'),
    import('./joined.ts'),
  ])
  const { spec } = await readBundle(container.bundle)
  const input = pipe({ size: 64 * 1024 })
  const temporary = new Undo()
  temporary.push(() => close(input.read))
  try {
    writeSync(input.write, state)
    close(input.write)
    const words = args.length === 0 ? [path] : args
    const pid = await startJoined({
      container,
      spec,
      process: { ...spec.process, cwd: '/', terminal: false, args: words, env },
      path,
      streams: [input.read, 2, 2],
      temporary,
    })
    const timer = timeout === undefined ? undefined : setTimeout(killIfThere, timeout * 1000, pid)
    const end = await childEnd(pid)
    clearTimeout(timer)
    return endOf(end, timeout)
  } finally {
    await temporary.run()
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile, which its end says.
  }
}

function endOf(end: WaitResult, timeout: number | undefined): Ended {
  if (end.kind === 'exited' && end.code === 0) return { output: '' }
  if (end.kind === 'exited') return { why: `exit status ${end.code}`, output: '' }
  return { why: lateOr('SIGKILL', timeout), output: '' }
}
