/** Builds images from Dockerfiles: the front door of this room. */

import { readFileSync } from 'node:fs'
import { EngineError } from '../errors.ts'
import { BuildSession } from './build.ts'
import { exportCache } from './cache-export.ts'
import { type Dockerfile, parseDockerfile } from './dockerfile/dockerfile.ts'
import { Problem } from './dockerfile/problem.ts'
import { placedAt, dockerfileError, type SourceText } from './source.ts'
import type { ImageDocument } from './document.ts'
import { GlobalScope } from './plan/scope.ts'
import { targetStage } from './plan/stages.ts'
import type { BuildPorts, BuiltImage } from './ports.ts'
import type { BuildRequest } from './request.ts'
import { runStage, type StageResult } from './stage.ts'
import type { StepRecord } from './step-cache.ts'

export type * from './document.ts'
export type * from './ports.ts'
export type * from './request.ts'
export { isAddress } from './fetch/address.ts'
export { IgnoreRules, parseIgnoreFile } from './files/ignore.ts'
export { fetchContext } from './fetch/context.ts'

/**
 * Builds the image, or takes from the cache what was built before. `platform` is the machine's.
 * @throws {DockerfileError} INVALID_DOCKERFILE with every mistake, BUILD for an instruction that
 * failed. @throws {EngineError} BUILD
 */
export async function buildImage(
  request: BuildRequest,
  ports: BuildPorts,
  platform: Platform,
): Promise<BuiltImage> {
  const { dockerfile, source } = checkDockerfile(request, ports.onEvent)
  const global = new GlobalScope(request.args, checkedPlatform(request, platform))
  for (const { statement, args } of dockerfile.globalArgs) {
    await placedAt({ source, statement }, () =>
      args.forEach((arg) => global.declare(arg, statement.escape)),
    )
  }
  const target = chosen(() => targetStage(dockerfile, request.target))
  const { dockerfile: file } = request
  const dockerfilePath = file.kind === 'file' ? file.path : undefined
  const build = {
    request,
    ports,
    dockerfile,
    source,
    dockerfilePath,
    global,
    platform: platformText(platform),
  }
  const session = new BuildSession(build, runStage)
  try {
    const result = await session.stage(target.index)
    warnUnused(global, ports)
    for (const { directory, mode } of request.cacheTo) {
      exportCache(directory, stepsFor(mode, session.results, result), ports.store)
    }
    return await finish(request, { ports, platform, result })
  } finally {
    await session.end()
  }
}

/** `min`: the steps whose layers the image has, and those that changed nothing. */
function stepsFor(
  mode: 'min' | 'max',
  steps: ReadonlyMap<string, StepRecord>,
  { layers }: StageResult,
): ReadonlyMap<string, StepRecord> {
  if (mode === 'max') return steps
  const own = new Set(layers.map(({ diffId }) => diffId))
  return new Map([...steps].filter(([, { layer }]) => !layer || own.has(layer.diffId)))
}

/** The Dockerfile when there is no mistake in it. @throws {DockerfileError} INVALID_DOCKERFILE */
export function checkDockerfile(
  request: BuildRequest,
  onEvent: BuildPorts['onEvent'],
): { readonly dockerfile: Dockerfile; readonly source: SourceText } {
  const source = readSource(request)
  const parsed = parseDockerfile(source.text)
  if ('findings' in parsed) throw dockerfileError('INVALID_DOCKERFILE', source, parsed.findings)
  const { dockerfile } = parsed
  for (const { message, hint, line } of dockerfile.warnings) {
    onEvent({ kind: 'warning', message: `${source.name}:${line}: ${message}`, hint })
  }
  chosen(() => targetStage(dockerfile, request.target))
  return { dockerfile, source }
}

export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

function finish(
  request: BuildRequest,
  built: {
    readonly ports: BuildPorts
    readonly platform: Platform
    readonly result: StageResult
  },
): Promise<BuiltImage> {
  const { settings, layers, history, created } = built.result
  const { image, author } = settings
  const labels = { ...image.Labels, ...request.labels }
  const document: ImageDocument = {
    created,
    ...(author === undefined ? {} : { author }),
    ...built.platform,
    config: Object.keys(labels).length > 0 ? { ...image, Labels: labels } : image,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history,
  }
  return built.ports.store.addImage({ document, layers, names: request.names })
}

function readSource({ dockerfile }: BuildRequest): SourceText {
  if (dockerfile.kind === 'text') return { name: dockerfile.shown, text: dockerfile.text }
  try {
    return { name: dockerfile.shown, text: readFileSync(dockerfile.path, 'utf8') }
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const why = isMissing ? 'it does not exist' : String(cause)
    throw new EngineError('BUILD', `Cannot read the Dockerfile "${dockerfile.shown}": ${why}`, {
      hint: 'name it with "dockerfile:", relative to the context',
      cause,
    })
  }
}

function checkedPlatform({ platform }: BuildRequest, own: Platform): Platform {
  const text = platformText(own)
  if (platform === undefined || platform === text) return own
  const wanted = platform.split('/')
  // `linux/arm64` is this machine's too when that is linux/arm64/v8.
  if (wanted.length === 2 && text.startsWith(`${platform}/`)) return own
  throw new EngineError('BUILD', `Cannot build for ${platform}: this machine runs ${text}`, {
    hint: 'build it on a machine of that platform',
  })
}

function platformText({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter(Boolean).join('/')
}

function warnUnused(global: GlobalScope, { onEvent }: BuildPorts): void {
  for (const name of global.unused()) {
    const message = `The build argument "${name}" is not used: no ARG names it`
    onEvent({ kind: 'warning', message, hint: `add "ARG ${name}" to the stage that needs it` })
  }
}

/** A mistake of the request, not of a line. */
function chosen<Result>(choose: () => Result): Result {
  try {
    return choose()
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw new EngineError('BUILD', error.message, { hint: error.hint })
  }
}
