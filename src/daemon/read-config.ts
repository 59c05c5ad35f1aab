/** `config`: what the stack files say once they are merged, checked and normalised. */

import { SpecError, UsageError } from '../errors.ts'
import {
  diagnosticsJson,
  diagnosticsSarif,
  explainValue,
  renderConfig,
  renderDiagnostics,
} from '../spec/index.ts'
import type {
  ConfigOptions,
  ConfigResult,
  Explanation,
  LoadRequest,
  MissingValue,
} from '../spec/index.ts'
import { FileLoader } from './file-loader.ts'
import { loadRequest } from './load.ts'
import type { StackInput } from './protocol.ts'
import { VERSION } from './version.ts'
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

export type DiagnosticsFormat = 'json' | 'sarif'

export interface Findings {
  /** All that was found, in the format asked for. */
  readonly output: string
  /** No error among them. */
  readonly isValid: boolean
}

/** @throws {InvalidStack} with every error found. */
export function readConfig(input: StackInput, request: ConfigRequest): ConfigText {
  const { color } = input
  return reading(input, (load) => {
    const { output, diagnostics, sources } = render(load, request)
    return { output, warnings: renderDiagnostics(diagnostics, sources, { color }) }
  })
}

/** The same with what the registries have for each image now: see `pinImages`. */
export async function readPinnedConfig(
  input: StackInput,
  request: ConfigRequest,
  env: NodeJS.ProcessEnv,
): Promise<ConfigText> {
  const { loaded } = reading(input, (load) => render(load, request))
  if (loaded === undefined) throw cannotPin()
  const { pinImages } = await import('./pin-images.ts')
  const pins = await pinImages(loaded.stack, { env, directory: loaded.projectDirectory })
  return readConfig(input, { ...request, pins })
}

function cannotPin(): UsageError {
  return new UsageError('Cannot resolve digests of images whose names have variables in them', {
    hint: 'leave --no-interpolate and --variables out',
  })
}

/** What `config` finds wrong, for programs that show it in their own way. */
export function checkConfig(
  input: StackInput,
  request: ConfigRequest,
  format: DiagnosticsFormat,
): Findings {
  const asText = format === 'json' ? diagnosticsJson : diagnosticsSarif
  try {
    const { diagnostics } = render(loadRequest(input, new FileLoader(input)), request)
    return { output: asText(diagnostics, VERSION), isValid: true }
  } catch (error) {
    if (!(error instanceof SpecError)) throw error
    return { output: asText(error.diagnostics, VERSION), isValid: false }
  }
}

/**
 * A value of the stack and the way it took there.
 * @throws {InvalidStack} when the stack cannot be loaded.
 */
export function explain(input: StackInput, path: string): Explanation | MissingValue {
  return reading(input, (load) => explainValue(load, path))
}

function render(load: LoadRequest, { hash, ...rest }: ConfigRequest): ConfigResult {
  const options = hash === undefined ? rest : { ...rest, hash: { names: hash, digest: sha256 } }
  return renderConfig(load, options)
}

/** Runs `work` on what `input` means; its errors come with excerpts of the files. */
function reading<Result>(input: StackInput, work: (load: LoadRequest) => Result): Result {
  const loader = new FileLoader(input)
  try {
    return work(loadRequest(input, loader))
  } catch (error) {
    if (!(error instanceof SpecError)) throw error
    const sources = loader.sources(error.diagnostics)
    const { color } = input
    throw new InvalidStack(error, renderDiagnostics(error.diagnostics, sources, { color }))
  }
}

function sha256(text: string): string {
  // Only --hash needs it, and it takes long to load.
  const { createHash } = process.getBuiltinModule('crypto')
  return createHash('sha256').update(text).digest('hex')
}
