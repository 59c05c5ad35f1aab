/** Builds the images of a stack, in this process; what a RUN runs is the supervisor's work. */

import { join } from 'node:path'
import {
  type BuildEvent,
  buildImage,
  type BuiltImage,
  checkDockerfile,
  fetchContext,
  type RunStep,
} from '../../build/index.ts'
import { DockerfileError, EngineError } from '../../errors.ts'
import {
  countCached,
  HOST_PLATFORM,
  holdStore,
  type ImageEvent,
  type ImageStore,
  openImageStore,
} from '../../image/index.ts'
import type { DesiredBuild } from '../../planner/index.ts'
import { renderDiagnostics } from '../../spec/index.ts'
import { openRequest } from '../client.ts'
import type { Places } from '../places.ts'
import { RenderedError } from '../wire-error.ts'
import { boundBuildCache } from './prune.ts'
import { buildRequest, type BuildFlags, neededServices } from './request.ts'
import { layerStore } from './store.ts'

export interface BuildRun {
  readonly places: Places
  /** As others are told who is at work: `tsstack build`. */
  readonly command: string
  readonly builds: readonly DesiredBuild[]
  /** Of the project. */
  readonly directory: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly values: Readonly<Record<string, string>>
  readonly flags: BuildFlags
  readonly signal: AbortSignal
  /** Diagnostics in colour. */
  readonly color: boolean
  readonly onEvent: (service: string, event: BuildEvent) => void
}

export interface BuiltService extends BuiltImage {
  readonly service: string
  readonly image: string
}

/**
 * One image after the other, those that others are built from first.
 * @throws {RenderedError} with the excerpt of the Dockerfile
 * @throws {EngineError}
 */
export async function buildServices(run: BuildRun): Promise<readonly BuiltService[]> {
  // Modes of what is made are the Dockerfile's business, not the caller's mask's.
  process.umask(0o022)
  const store = openImageStore(run.places.state)
  const cached = countCached(store)
  try {
    return await buildAll(run, store)
  } finally {
    if (countCached(store) > cached) await boundBuildCache(run.places.state)
  }
}

async function buildAll(run: BuildRun, store: ImageStore): Promise<readonly BuiltService[]> {
  using _hold = await holdStore(store, run.signal)
  const built: BuiltService[] = []
  for (const build of inOrder(run.builds)) {
    const { service, image } = build
    const { request, warnings } = await requestOf(run, build)
    for (const message of warnings) run.onEvent(service, { kind: 'warning', message })
    const ports = {
      ...fetchingOf(run),
      store: layerStore(store, { ...run, onEvent: (event) => tellBase(run, service, event) }),
      run: (step: RunStep) => runInSupervisor(run, step),
      onEvent: (event: BuildEvent) => run.onEvent(service, event),
      now: () => Date.now(),
    }
    try {
      built.push({ service, image, ...(await buildImage(request, ports, HOST_PLATFORM)) })
    } catch (error) {
      throw withExcerpt(error, run.color)
    }
  }
  return built
}

/**
 * Looks for mistakes in the Dockerfiles, and builds nothing.
 * @throws {RenderedError} for those of the first that has some
 */
export async function checkServices(run: BuildRun): Promise<void> {
  for (const build of inOrder(run.builds)) {
    const { request, warnings } = await requestOf(run, build)
    for (const message of warnings) run.onEvent(build.service, { kind: 'warning', message })
    try {
      checkDockerfile(request, (event) => run.onEvent(build.service, event))
    } catch (error) {
      throw withExcerpt(error, run.color)
    }
  }
}

function requestOf(run: BuildRun, build: DesiredBuild): ReturnType<typeof buildRequest> {
  const images = Object.fromEntries(run.builds.map(({ service, image }) => [service, image]))
  const sshAgent = run.env['SSH_AUTH_SOCK']
  const fetch = (address: string): Promise<string> =>
    fetchContext(address, { ...fetchingOf(run), sshAgent })
  return buildRequest(build, { ...run, images, fetch })
}

function fetchingOf({ places, env, signal }: BuildRun) {
  return { cacheDirectory: join(places.state, 'build'), env, signal }
}

/** A base image on its way, as a step of the build. */
function tellBase(run: BuildRun, service: string, event: ImageEvent): void {
  if (event.phase === 'layer') return
  if (event.phase === 'note') {
    return run.onEvent(service, { kind: 'warning', message: event.message })
  }
  const done = event.phase === 'done' && event.isNew ? 'done' : 'cached'
  const phase = event.phase === 'begun' ? 'begun' : done
  run.onEvent(service, { kind: 'step', id: 0, title: `FROM ${event.image}`, phase })
}

function withExcerpt(error: unknown, color: boolean): unknown {
  if (!(error instanceof DockerfileError)) return error
  const { diagnostics, sources } = error
  return new RenderedError(error, renderDiagnostics(diagnostics, sources, { color }))
}

/** Going away ends the command there. */
async function runInSupervisor(run: BuildRun, step: RunStep): Promise<number> {
  const { onOutput, signal, ...rest } = step
  const session = await openRequest(run, { kind: 'build-step', step: definedOnly(rest) })
  const leave = (): void => session.close()
  signal.addEventListener('abort', leave)
  // While the supervisor was asked for.
  if (signal.aborted) leave()
  try {
    for await (const answer of session.answers()) {
      if (answer.kind === 'stdout' || answer.kind === 'stderr') onOutput(answer.kind, answer.bytes)
      else if (answer.kind === 'message' && answer.message.kind === 'exited') {
        return answer.message.exitCode
      }
    }
  } finally {
    signal.removeEventListener('abort', leave)
    session.close()
    signal.throwIfAborted()
  }
  throw new EngineError('SUPERVISOR', 'The supervisor did not say how a step of the build ended')
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> }

function definedOnly<T extends object>(object: T): Defined<T> {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Defined<T>
}

function inOrder(builds: readonly DesiredBuild[]): readonly DesiredBuild[] {
  const byService = new Map(builds.map((build) => [build.service, build]))
  const ordered = new Set<DesiredBuild>()
  const visiting = new Set<string>()
  const visit = (build: DesiredBuild): void => {
    if (ordered.has(build)) return
    if (visiting.has(build.service)) throw circle(build)
    visiting.add(build.service)
    for (const needed of neededServices(build)) {
      const other = byService.get(needed)
      if (other) visit(other)
    }
    ordered.add(build)
  }
  builds.forEach(visit)
  return [...ordered]
}

function circle({ service }: DesiredBuild): EngineError {
  return new EngineError('BUILD', `Cannot build "${service}": it is built from itself`, {
    hint: 'take one "service:" out of additional_contexts',
  })
}
