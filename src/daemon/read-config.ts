/** `config`: what the stack files say once they are merged, checked and normalised. */

import { createHash } from 'node:crypto'
import { SpecError } from '../errors.ts'
import { renderConfig, renderDiagnostics } from '../spec/index.ts'
import type { ConfigOptions } from '../spec/index.ts'
import { FileLoader, loadRequest } from './load.ts'
import type { StackInput } from './protocol.ts'
import { InvalidStack } from './wire-error.ts'

export interface ConfigText {
  readonly output: string
  /** As a person reads them; '' when there are none. */
  readonly warnings: string
}

/** Options of `config`; `hash`: of which services, `*` for all. */
export type ConfigRequest = Omit<ConfigOptions, 'hash'> & {
  readonly hash?: readonly string[] | undefined
}

/** @throws {InvalidStack} with every error found. */
export function readConfig(input: StackInput, { hash, ...rest }: ConfigRequest): ConfigText {
  const options = hash === undefined ? rest : { ...rest, hash: { names: hash, digest: sha256 } }
  const loader = new FileLoader(input, Infinity)
  const { color } = input
  try {
    const { output, diagnostics, sources } = renderConfig(loadRequest(input, loader), options)
    return { output, warnings: renderDiagnostics(diagnostics, sources, { color }) }
  } catch (error) {
    if (!(error instanceof SpecError)) throw error
    const sources = loader.sources(error.diagnostics)
    throw new InvalidStack(error, renderDiagnostics(error.diagnostics, sources, { color }))
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
