/** Packings that node cannot read, unpacked by Debian's own programs, which run as a pipe. */

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { Duplex, type Readable, type Writable } from 'node:stream'
import { EngineError } from '../../errors.ts'
import { XZ_MEMORY_MIB_MAX } from '../../limits.ts'

export type ProgramPacking = 'xz' | 'bzip2'

interface Program {
  readonly args: readonly string[]
  /** On Debian. */
  readonly package: string
}

/**
 * A file that says it needs more memory than that is refused by the program itself. What unpacks
 * to many streams is read to its end.
 */
const PROGRAMS: Readonly<Record<ProgramPacking, Program>> = {
  xz: { args: ['-dcq', `--memlimit-decompress=${XZ_MEMORY_MIB_MAX}MiB`], package: 'xz-utils' },
  bzip2: { args: ['-dcq'], package: 'bzip2' },
}

/** Packed bytes go in, plain ones come out; it fails with why the program did. */
export function unpackByProgram(packing: ProgramPacking): Duplex {
  return new ProgramStream(packing)
}

/** What it says of a failure is a line; more is not kept. */
const SAID_BYTES_MAX = 1000

class ProgramStream extends Duplex {
  readonly #packing: ProgramPacking
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  #said = ''

  constructor(packing: ProgramPacking) {
    super()
    this.#packing = packing
    this.#child = spawn(packing, PROGRAMS[packing].args, {
      cwd: '/',
      // Variables such as XZ_OPT would change what it does.
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const { stdin, stdout, stderr } = this.#child
    // Why it does not read any more is said when it has ended.
    stdin.on('error', () => undefined)
    stderr.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString()).slice(0, SAID_BYTES_MAX)
    })
    stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) stdout.pause()
    })
    this.#child.once('error', (error) => this.destroy(this.#missing(error)))
    this.#child.once('close', (status) => this.#ended(status))
  }

  override _read(): void {
    this.#child.stdout.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#child.stdin.write(chunk, () => done())
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.kill('SIGKILL')
    done(error)
  }

  #ended(status: number | null): void {
    if (this.destroyed) return
    if (status === 0) this.push(null)
    else this.destroy(new Error(this.#said.trim().split('\n')[0] || `${this.#packing} failed`))
  }

  #missing(cause: Error): Error {
    if (!('code' in cause && cause.code === 'ENOENT')) return cause
    const why = `the program "${this.#packing}" is not on this machine`
    return new EngineError('IMAGE', `Cannot unpack what ${this.#packing} has packed: ${why}`, {
      hint: `install the package ${PROGRAMS[this.#packing].package}`,
      cause,
    })
  }
}
