/**
 * Reads files through the caller's loader: decoded, bounded, remembered by the report for its
 * excerpts.
 */
import { dirname, isAbsolute, relative } from 'node:path'
import { errorText } from '../../errors.ts'
import { STACK_FILE_BYTES_MAX } from '../../limits.ts'
import type { Report } from '../diagnostics/report.ts'
import type { Loader } from '../request.ts'
import type { Place, Source } from '../tree/node.ts'

export interface ReadOptions {
  /** What the file is, for messages: `stack file`, `env file`. */
  readonly what: string
  /** The text that named the file, when a file did. */
  readonly place?: Place | undefined
}

const MARKS = /!(?:reset|override)|!\S*%|%TAG/

export class FileReader {
  readonly loader: Loader
  readonly report: Report
  readonly #cwd: string
  readonly #looked = new Set<string>()
  readonly #sources = new Map<string, Source>()
  #hasMarks = false

  constructor(loader: Loader, report: Report, cwd: string) {
    this.loader = loader
    this.report = report
    this.#cwd = cwd
  }

  /** Every path that was asked for, present or not. */
  looked(): readonly string[] {
    return [...this.#looked]
  }

  /** A file may have the tags `!reset` or `!override`: spelled out, by a handle, or escaped. */
  hasMarks(): boolean {
    return this.#hasMarks
  }

  kindOf(path: string): 'file' | 'directory' | 'other' | 'absent' {
    this.#looked.add(path)
    return this.loader.kindOf(path)
  }

  /** The path as diagnostics show it: relative when it is below the working directory. */
  nameOf(path: string): string {
    if (path === '-') return '<stdin>'
    const name = relative(this.#cwd, path)
    return name === '' || name.startsWith('..') || isAbsolute(name) ? path : name
  }

  /** Undefined when the file cannot be read, which is in the report then. */
  read(path: string, options: ReadOptions): Source | undefined {
    const known = this.#sources.get(path)
    if (known !== undefined) return known
    const text = this.#text(path, options)
    if (text === undefined) return undefined
    const source: Source = { path, name: this.nameOf(path), text }
    this.#sources.set(path, source)
    this.#hasMarks ||= MARKS.test(text)
    this.report.addSource(source)
    if (options.place !== undefined) this.report.introduced(source, options.place)
    return source
  }

  #text(path: string, options: ReadOptions): string | undefined {
    const kind = path === '-' ? 'file' : this.kindOf(path)
    if (kind === 'absent') return this.#refuse(path, options, 'no such file')
    if (kind === 'directory') return this.#refuse(path, options, 'it is a directory')
    if (kind === 'other') return this.#refuse(path, options, 'it is no regular file')
    let bytes: Uint8Array
    try {
      bytes = this.loader.readFile(path)
    } catch (error) {
      return this.#refuse(path, options, errorText(error))
    }
    if (bytes.length > STACK_FILE_BYTES_MAX) {
      const reason = `it has ${bytes.length} bytes; at most ${STACK_FILE_BYTES_MAX} are read`
      return this.#refuse(path, options, reason)
    }
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      return this.#refuse(path, options, 'it is not UTF-8 text')
    }
  }

  #refuse(path: string, { what, place }: ReadOptions, reason: string): undefined {
    this.report.error({
      rule: 'file',
      place,
      file: this.nameOf(path),
      message: `Cannot read the ${what} "${this.nameOf(path)}": ${reason}`,
    })
    return undefined
  }
}

/** Folder of a file; of standard input, the given one. */
export function folderOf(path: string, fallback: string): string {
  return path === '-' ? fallback : dirname(path)
}
