/** From `build:` of a stack to what the builder is asked. */

import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  type BuildRequest,
  type BuildSecret,
  isAddress,
  type NamedContext,
} from '../../build/index.ts'
import { EngineError } from '../../errors.ts'
import type { DesiredBuild } from '../../planner/index.ts'
import { cachePlaces } from './cache-places.ts'
import { choosePlatform } from './platform.ts'

/** What the command says beside the stack file. */
export interface BuildFlags {
  readonly noCache: boolean
  readonly pull: boolean
  /** `--build-arg NAME=VALUE`, before those of the file. */
  readonly args: Readonly<Record<string, string>>
  /** `--ssh`, beside those of the file. */
  readonly ssh?: readonly string[]
  /** `--memory`. */
  readonly memoryBytesMax?: number
  /** It is sent to a registry afterwards. */
  readonly isForOthers?: boolean
}

export interface BuildScene {
  /** Of the project. */
  readonly directory: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Contents of secrets, by the keys of the desired state. */
  readonly values: Readonly<Record<string, string>>
  /** Names of images that services build, by service. */
  readonly images: Readonly<Record<string, string>>
  readonly flags: BuildFlags
  /** Fetches a context that is an address: the directory it is in then. */
  readonly fetch: (address: string) => Promise<string>
}

export interface PreparedBuild {
  readonly request: BuildRequest
  readonly warnings: readonly string[]
}

/** @throws {EngineError} BUILD */
export async function buildRequest(build: DesiredBuild, scene: BuildScene): Promise<PreparedBuild> {
  const { directory, env, flags } = scene
  const context = await contextPath(build, scene)
  const { warnings, ...caches } = cachePlaces(build, directory)
  const platform = choosePlatform(build, flags)
  const request = {
    context,
    dockerfile: dockerfileOf(build, context),
    target: build.target,
    args: { ...argsOf(build.args, env), ...flags.args },
    contexts: await namedContexts(build, scene),
    labels: build.labels,
    names: [build.image, ...build.tags],
    network: networkOf(build),
    secrets: secretsOf(build, scene),
    ssh: [...(flags.ssh ?? []), ...build.ssh].flatMap((entry) => sshSocket(entry, env)),
    shmBytes: build.shmBytes,
    ulimits: build.ulimits ?? {},
    memoryBytesMax: flags.memoryBytesMax,
    extraHosts: build.extraHosts,
    ...caches,
    noCache: build.noCache || flags.noCache,
    noCacheStages: build.noCacheStages,
    pull: build.pull || flags.pull,
    platform: platform.chosen,
    sourceDateEpoch: sourceDate(env['SOURCE_DATE_EPOCH']),
  }
  return { request, warnings: [...platform.warnings, ...warnings] }
}

/** Services whose images a build needs first. */
export function neededServices({ contexts }: DesiredBuild): readonly string[] {
  return Object.values(contexts)
    .filter((value) => value.startsWith(SERVICE))
    .map((value) => value.slice(SERVICE.length))
}

const SERVICE = 'service:'

async function contextPath(
  { service, context }: DesiredBuild,
  { directory, fetch }: BuildScene,
): Promise<string> {
  if (isAddress(context)) return fetch(context)
  const path = resolve(directory, context)
  if (existsSync(path) && statSync(path).isDirectory()) return path
  throw new EngineError('BUILD', `Cannot build "${service}": there is no folder "${path}"`, {
    hint: 'correct "context" under "build"; it is relative to the project directory',
  })
}

function dockerfileOf(
  { service, dockerfile = 'Dockerfile', dockerfileInline }: DesiredBuild,
  context: string,
): BuildRequest['dockerfile'] {
  if (dockerfileInline !== undefined) {
    return { kind: 'text', text: dockerfileInline, shown: `dockerfile_inline of ${service}` }
  }
  return { kind: 'file', path: resolve(context, dockerfile), shown: dockerfile }
}

function secretsOf(
  { secrets }: DesiredBuild,
  { directory, values }: BuildScene,
): BuildRequest['secrets'] {
  const found: BuildSecret[] = []
  for (const { id, file, value = '' } of secrets) {
    const text = values[value]
    if (file !== undefined) found.push({ id, content: { file: resolve(directory, file) } })
    else if (text !== undefined) found.push({ id, content: { text } })
  }
  return found
}

function argsOf(
  args: DesiredBuild['args'],
  env: BuildScene['env'],
): Readonly<Record<string, string>> {
  const entries = Object.entries(args).flatMap(([name, value]) => {
    const text = value ?? env[name]
    return text === undefined ? [] : [[name, text] as const]
  })
  return Object.fromEntries(entries)
}

async function namedContexts(
  { contexts }: DesiredBuild,
  scene: BuildScene,
): Promise<Readonly<Record<string, NamedContext>>> {
  const named: Record<string, NamedContext> = {}
  for (const [name, value] of Object.entries(contexts)) {
    named[name] = await namedContext(value, scene)
  }
  return named
}

async function namedContext(
  value: string,
  { directory, images, fetch }: BuildScene,
): Promise<NamedContext> {
  if (value.startsWith(SERVICE)) {
    const service = value.slice(SERVICE.length)
    return { kind: 'image', reference: images[service] ?? service }
  }
  const image = /^docker-image:\/\/(?<reference>.+)$/u.exec(value)?.groups?.['reference']
  if (image !== undefined) return { kind: 'image', reference: image }
  const layout = /^oci-layout:\/\/(?<path>.+)$/u.exec(value)?.groups?.['path']
  if (layout !== undefined) return { kind: 'image', reference: `oci:${layout}` }
  const path = isAddress(value) ? await fetch(value) : resolve(directory, value)
  return { kind: 'directory', path }
}

function networkOf({ service, network = 'default' }: DesiredBuild): BuildRequest['network'] {
  if (network === 'default' || network === 'none' || network === 'host') return network
  throw new EngineError('BUILD', `Cannot build "${service}" in the network "${network}"`, {
    hint: 'build.network can be default, none or host',
  })
}

function sshSocket(entry: string, env: BuildScene['env']): BuildRequest['ssh'] {
  const at = entry.indexOf('=')
  const id = at === -1 ? entry : entry.slice(0, at)
  const path = at === -1 ? env['SSH_AUTH_SOCK'] : entry.slice(at + 1)
  return path === undefined || path === '' ? [] : [{ id, path }]
}

function sourceDate(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined
}
