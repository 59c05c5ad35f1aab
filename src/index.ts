/**
 * The library: `import { loadStack } from 'tsstack'` loads stack files as the command line does.
 */

import { resolve } from 'node:path'
import { FileLoader } from './daemon/file-loader.ts'
import { loadStack as load } from './spec/index.ts'
import type { LoadedStack, LoadRequest } from './spec/index.ts'

export { SpecError, TsstackError } from './errors.ts'
export type { Diagnostic } from './errors.ts'
export { diagnosticsJson, diagnosticsSarif, jsonSchema, renderDiagnostics } from './spec/index.ts'
export type * from './spec/index.ts'

/** Which stack to load; all of it has the command line's defaults. */
export interface LoadOptions extends Partial<LoadRequest> {
  /** Text of the file `-`. */
  readonly stdin?: string
}

/**
 * Loads, merges, checks and normalises stack files. Without `files`: `COMPOSE_FILE`, else the
 * default names, looked for from `cwd` upwards. `cwd` and `env` are this process's unless they are
 * given; `loader` reads the disk, and standard input is never read.
 *
 *     const { stack, diagnostics, sources } = loadStack({ files: ['compose.yaml'] })
 *     process.stderr.write(renderDiagnostics(diagnostics, sources))
 *
 * @throws {SpecError} with every error found: its `diagnostics`, and its `sources` for excerpts.
 */
export function loadStack(options: LoadOptions = {}): LoadedStack {
  const { env = process.env, stdin, ...rest } = options
  const cwd = resolve(options.cwd ?? '')
  return load({ loader: new FileLoader({ cwd, stdin }), ...rest, cwd, env })
}
