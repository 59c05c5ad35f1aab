/** A project folder and the command line that is run in it, in a sandbox of each test's own. */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { PROJECT, Sandbox, type Finished } from '../support/sandbox.ts'

export const HELLO: string = join(PROJECT, 'examples/hello/stack.yaml')
export const CLI: string = join(PROJECT, 'bin/tsstack.js')

/** Lines of a service that stays until it is asked to go. */
export const SLEEP: readonly string[] = ['command: [sleep, infinity]', 'init: true']
/** Goes only by SIGKILL, but says when it was asked to go: once it is `ready` to hear that. */
export const STUBBORN: readonly string[] = [
  shell('trap "echo asked" TERM; echo ready; while :; do sleep 0.1; done'),
]

/** A `command` that runs `script`. */
export function shell(script: string): string {
  return `command: ${JSON.stringify(['sh', '-c', script.replaceAll('$', '$$$$')])}`
}

/** `tsstack WORDS` for a shell. */
export const cli = (...words: readonly string[]): string =>
  [process.execPath, CLI, ...words].join(' ')

/** A scene of each test's own: `take` gets it, and it is closed after the test. */
export function useScene(take: (scene: Scene) => void): void {
  let scene: Scene
  beforeEach(async () => {
    scene = await Scene.open()
    take(scene)
  })
  afterEach(() => scene.close())
}

export class Scene {
  readonly sandbox: Sandbox
  /** Not in the sandbox's root: what is there counts as left behind. */
  readonly folder: string = mkdtempSync(join(tmpdir(), 'tsstack-cli-'))

  private constructor(sandbox: Sandbox) {
    this.sandbox = sandbox
  }

  static async open(): Promise<Scene> {
    return new Scene(await Sandbox.open())
  }

  async close(): Promise<void> {
    await this.sandbox.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  run(...words: readonly string[]): Promise<Finished> {
    return this.sandbox.tsstack(words, { cwd: this.folder })
  }

  /** Throws with all it said unless it ends with status 0. */
  ok(...words: readonly string[]): Promise<Finished> {
    return this.sandbox.ok(words, { cwd: this.folder })
  }

  /** Writes the stack file of the folder: services by name, each with these lines. */
  write(services: Readonly<Record<string, readonly string[]>>): void {
    const text = Object.entries(services).flatMap(([name, lines]) => [
      `  ${name}:`,
      "    image: 'host:'",
      '    network_mode: none',
      ...lines.map((line) => `    ${line}`),
    ])
    this.save('compose.yaml', ['name: cli', 'services:', ...text, ''].join('\n'))
  }

  /** Changes the text of the stack file, every time it has it. */
  replace(before: string, after: string): void {
    const text = readFileSync(join(this.folder, 'compose.yaml'), 'utf8')
    this.save('compose.yaml', text.replaceAll(before, after))
  }

  /** Adds lines to the end of the stack file. */
  append(text: string): void {
    const before = readFileSync(join(this.folder, 'compose.yaml'), 'utf8')
    this.save('compose.yaml', `${before}${text}\n`)
  }

  /** Writes a file of the folder in one piece, as editors do: nobody sees the half of it. */
  save(name: string, text: string): void {
    const draft = join(this.sandbox.root, 'draft')
    writeFileSync(draft, text)
    renameSync(draft, join(this.folder, name))
  }

  /** Runs a shell command line with a terminal as its standard streams; what it was sent. */
  onTerminal(command: string): Promise<Finished> {
    // An input that never ends: script passes the end of its own on as a byte, which the terminal
    // of a container would show.
    const input = join(this.sandbox.root, 'no-input')
    const open = '[ -p "$0" ] || mkfifo "$0"; exec script "$@" <> "$0"'
    const options = ['--quiet', '--return', '--echo', 'never']
    const words = ['sh', '-c', open, input, ...options, '--command', command, '/dev/null']
    return this.sandbox.inNetns(words, { cwd: this.folder, env: { TERM: 'xterm' } })
  }
}
