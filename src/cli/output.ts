/** Where the command line writes: results to stdout, progress and errors to stderr. */

import { fstatSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { errorText } from '../errors.ts'
import { mannerOf } from './manner.ts'
import { exitOf } from './render-error.ts'

/** A result, with its newline. */
export function print(text: string): void {
  printText(`${text}\n`)
}

/** A result as it is. */
export function printText(text: string): void {
  write(1, Buffer.from(text))
}

/** Progress, a warning, an error. */
export function say(text: string): void {
  write(2, Buffer.from(`${text}\n`))
}

/** A question, whose answer is typed on the same line. */
export function sayText(text: string): void {
  write(2, Buffer.from(text))
}

/** Results as bytes; resolves when more may be written. */
export async function printBytes(bytes: Uint8Array): Promise<void> {
  if (streamOf(1).write(bytes)) return
  await new Promise<void>((resolve) => {
    process.stdout.once('drain', resolve)
  })
}

/** Resolves when the system has taken everything that was printed: `process.exit` would drop it. */
export async function outputTaken(): Promise<void> {
  for (const stream of streamsInUse) {
    await new Promise<void>((resolve) => {
      stream.write('', () => resolve())
    })
  }
}

/** The streams of a program elsewhere that are not its standard output. */
export function sayBytes(bytes: Uint8Array): void {
  write(2, bytes)
}

interface JsonFlags {
  readonly json?: boolean
  readonly format?: string
}

/** `--json`, and `--format json` as in Compose. */
export function wantsJson(flags: JsonFlags): boolean {
  return jsonForm(flags) !== undefined
}

/** Of commands that have both: `--json` prints ours, `--format json` the fields of Compose. */
export function jsonForm({ json, format }: JsonFlags): 'ours' | 'compose' | undefined {
  if (json === true) return 'ours'
  return format === 'json' ? 'compose' : undefined
}

type Output = 1 | 2

/** Whether a person is at the other end of a standard stream. */
export function isTerminal(fd: 0 | Output): boolean {
  // Most outputs are a pipe or a file, and then the terminal module need not be loaded.
  if (!fstatSync(fd).isCharacterDevice() || isNullDevice(fd)) return false
  return process.getBuiltinModule('tty').isatty(fd)
}

/** /dev/null, from which nothing will ever come. */
export function isNullDevice(fd: 0 | Output): boolean {
  const stat = fstatSync(fd)
  return stat.isCharacterDevice() && stat.rdev === NULL_DEVICE
}

const NULL_DEVICE = 0x103 // 1:3, Documentation/admin-guide/devices.txt

/** NO_COLOR and FORCE_COLOR of no-color.org and Node come before what the stream is. */
export function hasColor(fd: Output): boolean {
  const { ansi } = mannerOf()
  if (ansi !== 'auto') return ansi === 'always'
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR) return false
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0'
  return TERM !== 'dumb' && isTerminal(fd)
}

/** Whether what happens is drawn in place, on the terminal of standard error. */
export function isDrawn(): boolean {
  const { ansi, progress } = mannerOf()
  const isWanted = ansi !== 'never' && (progress === 'auto' || progress === 'tty')
  return isWanted && isTerminal(2) && process.env['TERM'] !== 'dumb'
}

/** Past `process.stdout`, whose making costs more than most commands print. */
function write(fd: Output, bytes: Uint8Array): void {
  let left = bytes
  while (left.length > 0) {
    try {
      left = left.subarray(writeSync(fd, left))
    } catch (error) {
      if (!isCode(error, 'EAGAIN')) return notTaken(fd, error)
      // Somebody else has made the pipe non-blocking and it is full: the stream knows how to wait.
      streamOf(fd).write(left)
      return
    }
  }
}

const streamsInUse = new Set<NodeJS.WriteStream>()

function streamOf(fd: Output): NodeJS.WriteStream {
  const stream = fd === 1 ? process.stdout : process.stderr
  if (!streamsInUse.has(stream)) stream.on('error', (error) => notTaken(fd, error))
  streamsInUse.add(stream)
  return stream
}

/**
 * `tsstack logs | head` ends like any other program whose reader has gone: quietly. A result that
 * finds no room is not one; what is said on the way there may go unheard.
 */
function notTaken(fd: Output, error: unknown): void {
  if (isCode(error, 'EPIPE')) process.exit(128 + constants.signals.SIGPIPE)
  if (fd === 2) return
  const code = isCode(error, 'ENOSPC') ? 'DISK_FULL' : 'SYSCALL'
  say(`error: Cannot write to standard output: ${errorText(error)} [${code}]`)
  process.exit(exitOf(code))
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
