/**
 * A place of its own for end-to-end tests: a network namespace, a state root, the built command
 * line.
 */
import {
  spawn,
  type ChildProcess,
  type ChildProcessWithoutNullStreams as Child,
} from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { snapshot, leaks, type LeakScope, type Snapshot } from './leak.ts'
import { cgroupsOf } from './leak/files.ts'
import { markedProcesses } from './leak/processes.ts'
import { killIfThere } from './supervisor.ts'

/** A command that takes longer is killed: it hangs. */
const TIMEOUT_MS = 180_000

/** What SIGKILL has not ended by then hangs in the kernel. */
const END_MS_MAX = 60_000

/** The project's own directory. */
export const PROJECT: string = resolve(import.meta.dirname, '../..')

/** What a supervisor that has ended leaves of its root: its directories, its log, a cache. */
const SKELETON =
  /\/run\/engine(?:\/containers|\/root)?$|\/state\/(?:stacks|volumes|rootfs(?:\/.*)?|images(?:\/.*)?|build(?:\/.*)?|supervisor\.(?:log|lock)|digest-key|timings\.json(?:\.new)?)$/

export interface Finished {
  readonly stdout: string
  readonly stderr: string
  /** Exit status, or 128 + signal. */
  readonly code: number
}

export interface RunOptions {
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Text for standard input; absent: empty. */
  readonly input?: string | undefined
  /** SIGKILL after this many milliseconds, 180 000 by default; the result says so on stderr. */
  readonly timeoutMs?: number | undefined
}

type Ending = [code: number | null, signal: NodeJS.Signals | null]

/** Listened for from each command's start: one may have ended before anybody waits for it. */
const endings = new WeakMap<Child, Promise<Ending>>()

export class Sandbox {
  /** TSSTACK_ROOT of every command. */
  readonly root: string
  readonly scope: LeakScope
  readonly #holder: ChildProcess
  readonly #before: Snapshot
  readonly #binary: string
  /** Commands begun and not ended: one that has not entered the namespace yet carries no mark. */
  readonly #begun = new Set<ChildProcess>()

  private constructor(root: string, holder: ChildProcess, binary: string) {
    this.root = root
    this.#holder = holder
    this.#binary = binary
    const marks = [root, ...rootIds(root)]
    const roots = [join(root, 'state'), join(root, 'run')]
    this.scope = { roots, kept: SKELETON, marks, namespaces: [this.netns] }
    this.#before = snapshot(this.scope)
  }

  /** Makes the namespace with `lo` up; `binary` is the command line's JavaScript file. */
  static async open(binary: string = join(PROJECT, 'bin/tsstack.js')): Promise<Sandbox> {
    const root = mkdtempSync(join(tmpdir(), 'tsstack-test-'))
    chmodSync(root, 0o700)
    // The holder ends with its standard input, so it cannot outlive this process. What says that it
    // is ready executes nothing more: it would be another process to the look for leaks.
    const holder = spawn(
      'unshare',
      ['--net', 'sh', '-c', 'ip link set lo up && echo ready && read _'],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    const ended = once(holder, 'exit').then(() => {
      throw new Error('Cannot make a network namespace for the test: "unshare --net" failed')
    })
    await Promise.race([once(holder.stdout, 'data'), ended])
    ended.catch(() => undefined) // It ends when the sandbox is closed.
    return new Sandbox(root, holder, binary)
  }

  get netns(): string {
    return `/proc/${this.#holder.pid}/ns/net`
  }

  /** Runs `tsstack ARGUMENTS` to its end. */
  tsstack(words: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.inNetns([process.execPath, this.#binary, ...words], options)
  }

  /** Runs `tsstack ARGUMENTS`; throws with all it said unless it ends with 0. */
  async ok(words: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return succeeded(await this.tsstack(words, options), `tsstack ${words.join(' ')}`)
  }

  /** Starts `tsstack ARGUMENTS` and leaves it running; the caller ends it. */
  start(words: readonly string[], options: RunOptions = {}): Child {
    return this.#spawn([process.execPath, this.#binary, ...words], options)
  }

  /** The same for any program. */
  startInNetns(words: readonly string[], options: RunOptions = {}): Child {
    return this.#spawn(words, options)
  }

  /**
   * The answer's body; throws unless the status is 2xx within 60 s. Where there is no nf_tables, a
   * proxy accepts for a service that does not listen yet.
   */
  async curl(...words: readonly string[]): Promise<string> {
    const retry = ['--retry', '100', '--retry-delay', '1', '--retry-all-errors']
    const { stdout, stderr, code } = await this.inNetns([
      'curl', '-sS', '--fail', '--max-time', '60', '--retry-max-time', '60', ...retry, ...words,
    ]) // oxfmt-ignore
    if (code !== 0) throw new Error(`curl ${words.join(' ')} ended with ${code}: ${stderr}`)
    return stdout
  }

  /** Runs a program in the sandbox's network namespace. */
  async inNetns(words: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const child = this.#spawn(words, options)
    return finish(child, options)
  }

  /**
   * What is left of ours that was not there when the sandbox was opened: '' is what tests want.
   * `kept`: files of its state and run directories that may stay beside the skeleton. `ignored`:
   * lines that do not count.
   */
  async leaks(
    options: { readonly kept?: RegExp; readonly ignored?: RegExp } = {},
  ): Promise<string> {
    const kept = options.kept ? RegExp(`${SKELETON.source}|${options.kept.source}`) : SKELETON
    const { ignored } = options
    return leaks(this.#before, { ...this.scope, kept, ...(ignored && { ignored }) })
  }

  /** Ends everything of ours, whether or not the test went well, and removes the root. */
  async close(): Promise<void> {
    for (const child of this.#begun) child.kill('SIGKILL')
    await this.endAll()
    this.#holder.stdin?.end()
    if (this.#holder.exitCode === null) await once(this.#holder, 'exit')
    await removeCgroups(this.scope.marks ?? [])
    rmSync(this.root, { recursive: true, force: true })
  }

  /** SIGKILL for all of ours at once, as a power cut has it. */
  async endAll(): Promise<void> {
    const end = performance.now() + END_MS_MAX
    while (performance.now() < end) {
      const left = this.#processes()
      if (left.length === 0) return
      for (const pid of left) killIfThere(pid)
      await sleep(20)
    }
  }

  /** Living processes in the sandbox's namespace, and those that carry its marks. */
  #processes(): readonly number[] {
    return markedProcesses({ marks: this.scope.marks ?? [], namespaces: [this.netns] })
      .filter((entry) => entry.state !== 'Z' && entry.pid !== this.#holder.pid)
      .map((entry) => entry.pid)
  }

  #spawn(words: readonly string[], options: RunOptions): Child {
    const own = Object.entries(process.env).filter(([name]) => !/^VITEST|^NODE_/.test(name))
    const child = spawn('nsenter', [`--net=${this.netns}`, '--', ...words], {
      cwd: options.cwd ?? PROJECT,
      env: { ...Object.fromEntries(own), NO_COLOR: '1', TSSTACK_ROOT: this.root, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#begun.add(child)
    endings.set(child, once(child, 'close') as Promise<Ending>)
    child.once('close', () => this.#begun.delete(child))
    return child
  }
}

/** Everything a command printed. */
export function saidBy(result: Finished): string {
  return result.stderr + result.stdout
}

/** Throws with all that it said unless a command ended with 0; returns what it was. */
export function succeeded(result: Finished, what = 'It'): Finished {
  if (result.code === 0) return result
  throw new Error(`${what} ended with ${result.code}:\n${saidBy(result)}`)
}

/** Collects what `child`, one of a sandbox, prints from now on until it has ended. */
export async function finish(child: Child, options: RunOptions = {}): Promise<Finished> {
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.on('error', () => undefined) // It may end without reading: EPIPE is no failure.
  child.stdin.end(options.input ?? '')
  const timer = setTimeout(() => {
    stderr += `\n(killed by the test after ${options.timeoutMs ?? TIMEOUT_MS} ms)`
    child.kill('SIGKILL')
  }, options.timeoutMs ?? TIMEOUT_MS)
  const [code, signal] = await endingOf(child)
  clearTimeout(timer)
  return { stdout, stderr, code: code ?? 128 + (signal ? constants.signals[signal] : 0) }
}

function endingOf(child: Child): Promise<Ending> {
  const ending = endings.get(child)
  if (ending === undefined) throw new Error('This command was not started by a sandbox')
  return ending
}

/** 8 hex digits that name a state root in cgroups and links: see `src/engine/paths.ts`. */
const rootIds = (root: string): readonly string[] =>
  [root, join(root, 'state')].map((path) =>
    createHash('sha256').update(path).digest('hex').slice(0, 8),
  )

/**
 * Removes the groups that carry `marks`, deepest first, and what is empty then above them. The
 * kernel refuses one that is in use: what looks after a supervisor that was killed ends by itself,
 * a moment after it.
 */
async function removeCgroups(marks: readonly string[]): Promise<void> {
  const end = performance.now() + END_MS_MAX
  const groups = [...cgroupsOf(marks)].toSorted((a, b) => b.length - a.length)
  for (const path of groups) {
    while (!tryRemove(path) && performance.now() < end) await sleep(20)
  }
  for (const parent of new Set(groups.map(dirname))) {
    if (basename(parent) === 'tsstack') tryRemove(parent)
  }
}

/** False when it is in use. */
function tryRemove(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    // The leak check has said so already if anything else matters.
    return (error as NodeJS.ErrnoException).code !== 'EBUSY'
  }
}
