/**
 * A machine of our own that boots Debian with systemd: user-mode-linux, as a process. Its power can
 * be cut, and it can be booted again on the disk that it had.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { makeDisk } from './whole-machine/disk.ts'

/**
 * A directory with `/usr/bin/linux.uml` and its modules in it: `/` where Debian's package
 * user-mode-linux (7.2 or newer) is installed.
 */
const UML_ROOT: string | undefined = process.env['TSSTACK_UML_ROOT']

/** A boot takes 5 s on a quiet machine, and a command a second. */
const PATIENCE_MS = 300_000

/**
 * Into a mount namespace and a root directory of the kernel's program, which starts itself once
 * more and so has to be where it says; descriptors 3 and 4 are the machine's first terminal.
 */
const ENTER =
  'mount --rbind /dev "$1/dev" && mount -t tmpfs tmp "$1/tmp" && mount --bind "$2" "$1/mnt" && ' +
  'cd / && exec chroot "$1" env TMPDIR=/tmp HOME=/tmp /usr/bin/linux.uml mem=1024M umid=vm ' +
  'uml_dir=/tmp/ seccomp=auto root=/dev/ubda rootfstype=ext4 rw init=/lib/systemd/systemd ' +
  'panic=-1 ubd0=/mnt/disk con=null con0=null,fd:1 con1=fd:3,fd:4 ssl=null quiet'

export interface Said {
  /** Standard output and error. */
  readonly text: string
  readonly code: number
}

type Process = ChildProcessByStdio<null, Readable, Readable>

export class WholeMachine {
  /** Where its disk is, and what its console has said: `disk`, `console`. */
  readonly directory: string
  #process: Process | undefined
  #lines: Interface | undefined
  #replies: AsyncIterator<string> | undefined

  /** With tsstack installed, and switched off. */
  static async make(): Promise<WholeMachine> {
    const machine = new WholeMachine(mkdtempSync(join(tmpdir(), 'tsstack-machine-')))
    makeDisk(machine.directory, UML_ROOT ?? '/')
    return machine
  }

  private constructor(directory: string) {
    this.directory = directory
    chmodSync(directory, 0o700)
    mkdirSync(join(directory, 'work'), { recursive: true })
  }

  /** Switches it on; resolves when systemd has started what it starts. */
  async boot(): Promise<void> {
    const words = ['--mount', '--pid', '--fork', '--kill-child', `--mount-proc=${UML_ROOT}/proc`]
    const child = spawn(
      'unshare',
      [...words, 'sh', '-c', ENTER, 'sh', UML_ROOT ?? '/', this.directory],
      { stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'] },
    )
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text: Buffer) => appendFileSync(join(this.directory, 'console'), text))
    }
    this.#process = child as unknown as Process
    this.#lines = createInterface({ input: child.stdio[4] as Readable })
    this.#replies = this.#lines[Symbol.asyncIterator]()
    await this.ready()
  }

  /** Resolves when it is up, also once more after a `reboot`. */
  async ready(): Promise<void> {
    while ((await this.#reply()) !== 'ready') continue
  }

  /** Runs a script of bash in it. */
  async run(script: string): Promise<Said> {
    this.tell(script)
    const [code = '', text = ''] = (await this.#reply()).split(' ')
    return { code: Number(code), text: Buffer.from(text, 'base64').toString().trimEnd() }
  }

  /** What it prints. Throws when it does not end with 0. */
  async ok(script: string): Promise<string> {
    const { code, text } = await this.run(script)
    if (code !== 0) throw new Error(`${script}\nended with ${code}:\n${text}`)
    return text
  }

  /** A script whose end is not waited for. */
  tell(script: string): void {
    const input = this.#process?.stdio[3] as unknown as Writable
    input.write(`${Buffer.from(script).toString('base64')}\n`)
  }

  /** What it has written to its disk stays, what it has not is lost. */
  async cutPower(): Promise<void> {
    const child = this.#process
    if (child === undefined) return
    this.#process = undefined
    const ended = once(child, 'close')
    child.kill('SIGKILL')
    await ended
    this.#lines?.close()
  }

  async close(): Promise<void> {
    await this.cutPower()
    rmSync(this.directory, { recursive: true, force: true })
  }

  async #reply(): Promise<string> {
    const patience = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      patience.reject(new Error(`The machine says nothing: see ${this.directory}/console`))
    }, PATIENCE_MS)
    try {
      const next = this.#replies?.next()
      const { value, done } = await Promise.race([next ?? patience.promise, patience.promise])
      if (done === true) throw new Error(`The machine has ended: see ${this.directory}/console`)
      return value
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Whether there is a kernel to boot. */
export const canBoot: boolean =
  UML_ROOT !== undefined && existsSync(join(UML_ROOT, 'usr/bin/linux.uml'))
