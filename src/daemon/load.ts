/** Stack files into a desired state: in the supervisor, or for large files in the command line. */

import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { isAbsolute, relative } from 'node:path'
import { SpecError } from '../errors.ts'
import type { Diagnostic } from '../errors.ts'
import { STACK_FILE_BYTES_MAX } from '../limits.ts'
import { desire, validatePlanability } from '../planner/index.ts'
import type { DesiredState } from '../planner/index.ts'
import { loadStack, renderDiagnostics } from '../spec/index.ts'
import type { Loader, LoadRequest } from '../spec/index.ts'
import type { StackInput } from './protocol.ts'
import { InvalidStack } from './wire-error.ts'

export type Loaded =
  | {
      readonly kind: 'loaded'
      readonly desired: DesiredState
      /** As a person reads them; '' when there are none. */
      readonly warnings: string
    }
  | {
      readonly kind: 'invalid'
      readonly error: SpecError
      /** Its diagnostics as a person reads them. */
      readonly rendered: string
    }
  /** More bytes than `bytesMax`. */
  | { readonly kind: 'too-large' }

class TooLarge extends Error {}

/**
 * Reads, checks and normalises the stack that `input` means. `bytesMax` bounds all files together.
 */
export function loadDesired(input: StackInput, bytesMax: number = Infinity): Loaded {
  const loader = new FileLoader(input, bytesMax)
  const request = loadRequest(input, loader)
  const { color } = input
  try {
    const { stack, diagnostics, sources, projectDirectory, files } = loadStack(request)
    const desired = desire(stack, { directory: projectDirectory, files })
    const warnings = [...diagnostics, ...validatePlanability(stack)]
    return { kind: 'loaded', desired, warnings: renderDiagnostics(warnings, sources, { color }) }
  } catch (error) {
    // The loader's own refusal may come back as a diagnostic of the spec room.
    if (loader.isTooLarge) return { kind: 'too-large' }
    if (!(error instanceof SpecError)) throw error
    const sources = loader.sources(error.diagnostics)
    return {
      kind: 'invalid',
      error,
      rendered: renderDiagnostics(error.diagnostics, sources, { color }),
    }
  }
}

/** What the user said, in the words of the spec room. */
export function loadRequest(input: StackInput, loader: Loader): LoadRequest {
  const { cwd, env, files, projectName, projectDirectory, envFiles, profiles, services } = input
  return { cwd, env, loader, files, projectName, projectDirectory, envFiles, profiles, services }
}

/** Files as they are on the disk, and `-` as the caller's standard input. */
export class FileLoader implements Loader {
  isTooLarge = false
  readonly #input: StackInput
  readonly #texts = new Map<string, Uint8Array>()
  readonly #bytesMax: number
  #bytes = 0

  constructor(input: StackInput, bytesMax: number) {
    this.#input = input
    this.#bytesMax = bytesMax
  }

  readFile(path: string): Uint8Array {
    const bytes = path === '-' ? Buffer.from(this.#input.stdin ?? '') : readRegularFile(path)
    this.#bytes += bytes.length
    if (this.#bytes > this.#bytesMax) {
      this.isTooLarge = true
      throw new TooLarge('the files are too large to be read here')
    }
    this.#texts.set(path, bytes)
    return bytes
  }

  kindOf(path: string): 'file' | 'directory' | 'other' | 'absent' {
    if (path === '-') return 'file'
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return 'absent'
    if (stat.isDirectory()) return 'directory'
    return stat.isFile() ? 'file' : 'other'
  }

  /** Texts that `diagnostics` point into, by the names they use for them. */
  sources(diagnostics: readonly Diagnostic[]): ReadonlyMap<string, string> {
    const named = new Set(diagnostics.map((each) => each.file))
    const shown = new Map<string, string>()
    for (const [path, bytes] of this.#texts) {
      const names = isAbsolute(path) ? [path, relative(this.#input.cwd, path)] : [path, '<stdin>']
      for (const name of names) {
        if (named.has(name)) shown.set(name, new TextDecoder().decode(bytes))
      }
    }
    return shown
  }
}

/**
 * Opened without waiting, and looked at before it is read: a FIFO would hold the reader forever.
 */
function readRegularFile(path: string): Uint8Array {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw new Error('it is not a regular file')
    if (stat.size > STACK_FILE_BYTES_MAX) {
      throw new Error(`it has ${stat.size} bytes; at most ${STACK_FILE_BYTES_MAX} are read`)
    }
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** {@link loadDesired} for one who has no other way: everything is read, however large. */
export function readStack(input: StackInput): {
  readonly desired: DesiredState
  readonly warnings: string
} {
  const loaded = loadDesired(input)
  if (loaded.kind === 'loaded') return loaded
  if (loaded.kind === 'invalid') throw new InvalidStack(loaded.error, loaded.rendered)
  throw new Error('unreachable: nothing is too large without a bound')
}
