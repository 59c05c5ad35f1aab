/** The `config` command as a function: loads a stack and prints what was asked for. */
import { selectInTree, selectServices, throwNoService } from '../activate/select.ts'
import { type LoadedTree, loadMerged, loadStack } from '../load.ts'
import type { Diagnostic } from '../../errors.ts'
import type { LoadedStack, LoadRequest, Sources } from '../request.ts'
import type { Stack } from '../model.ts'
import { type Plain, recordOf, toPlain } from '../tree/plain.ts'
import { imageNames } from './images.ts'
import { modelText } from './model-text.ts'
import { printable, printableTree } from './printable.ts'
import { type Digest, serviceHash } from './hash.ts'
import { variablesText } from './variables.ts'

/** What to print instead of the whole model. */
export type ConfigList =
  | 'services'
  | 'volumes'
  | 'networks'
  | 'images'
  | 'profiles'
  | 'models'
  | 'environment'
  | 'variables'

export interface ConfigOptions {
  readonly format?: 'yaml' | 'json' | undefined
  readonly list?: ConfigList | undefined
  /** Only these services, what they depend on, and what all those use. Empty: everything. */
  readonly services?: readonly string[] | undefined
  /** `--hash`: names of services, or `*`, and the hash to use: the room has none of its own. */
  readonly hash?: { readonly names: readonly string[]; readonly digest: Digest } | undefined
  /** Images instead of the file's, by service: names with digests. */
  readonly pins?: ReadonlyMap<string, string> | undefined
  /** With `pins`: nothing but them, as a file to merge. */
  readonly lock?: boolean | undefined
  readonly noInterpolate?: boolean | undefined
  readonly noNormalize?: boolean | undefined
  readonly noPathResolution?: boolean | undefined
  readonly noConsistency?: boolean | undefined
  readonly noEnvResolution?: boolean | undefined
}

export interface ConfigResult {
  /** Ends with a newline unless it is empty. */
  readonly output: string
  readonly diagnostics: readonly Diagnostic[]
  readonly sources: Sources
  /** Absent where the tree alone was printed. */
  readonly loaded?: LoadedStack
}

/**
 * Prints the stack of a request as `docker compose config` does.
 * @throws {SpecError} with every error found.
 */
export function renderConfig(request: LoadRequest, options: ConfigOptions = {}): ConfigResult {
  const listing = options.list !== undefined || options.hash !== undefined
  const full: LoadRequest = {
    ...request,
    services: [...(request.services ?? []), ...(options.services ?? [])],
    phases: {
      ...request.phases,
      interpolate: options.noInterpolate !== true && options.list !== 'variables',
      normalize: options.noNormalize !== true,
      resolvePaths: options.noPathResolution !== true,
      consistency: options.noConsistency !== true,
      feasibility: false,
      resolveEnvironment: options.noEnvResolution !== true && !listing,
    },
  }
  if (options.list === 'variables') return fromTree(full, (tree) => variablesText(tree, options))
  if (options.noInterpolate === true) return uninterpolated(full, options)
  const all = loadStack(full)
  const selected = selectServices(all.stack, options.services ?? [])
  const loaded = { ...all, stack: pinned(selected, options.pins) }
  const output =
    options.hash === undefined ? printed(loaded, options) : hashes(loaded, options.hash)
  return { output, diagnostics: loaded.diagnostics, sources: loaded.sources, loaded }
}

function pinned(stack: Stack, pins: ConfigOptions['pins']): Stack {
  if (pins === undefined) return stack
  const services = Object.entries(stack.services).map(([name, service]) => {
    const image = pins.get(name)
    return [name, image === undefined ? service : { ...service, image }] as const
  })
  return { ...stack, services: recordOf(services) }
}

function printed(loaded: LoadedStack, options: ConfigOptions): string {
  if (options.list !== undefined) return listText(loaded, options.list)
  const format = options.format ?? 'yaml'
  if (options.lock === true) {
    const images = Object.entries(loaded.stack.services).flatMap(([name, { image }]) =>
      options.pins?.has(name) === true && image !== undefined ? [[name, { image }] as const] : [],
    )
    return modelText({ services: recordOf(images) }, format, { escapeDollars: true })
  }
  return modelText(printable(loaded.stack, format), format, { escapeDollars: true })
}

/** The tree with its variables, as far as it can be brought to one form. */
function uninterpolated(request: LoadRequest, options: ConfigOptions): ConfigResult {
  return fromTree(request, (loaded) => {
    const tree = selectInTree(loaded.tree, options.services ?? [])
    if (options.list === 'services') {
      const services = (toPlain(tree) as Record<string, Plain>)['services']
      return lines(Object.keys((services ?? {}) as object))
    }
    return modelText(printableTree(tree), options.format ?? 'yaml', { escapeDollars: false })
  })
}

function fromTree(request: LoadRequest, print: (loaded: LoadedTree) => string): ConfigResult {
  const loaded = loadMerged(request)
  loaded.report.throwIfErrors(request.strict)
  return {
    output: print(loaded),
    diagnostics: loaded.report.diagnostics(),
    sources: loaded.report.sources(),
  }
}

function listText(loaded: LoadedStack, list: ConfigList): string {
  return lines(LISTS[list](loaded))
}

const LISTS: Readonly<Record<ConfigList, (loaded: LoadedStack) => readonly string[]>> = {
  services: ({ stack }) => Object.keys(stack.services),
  volumes: ({ stack }) => Object.keys(stack.volumes ?? {}),
  networks: ({ stack }) => Object.keys(stack.networks ?? {}),
  models: ({ stack }) => Object.values(stack.models ?? {}).flatMap(({ model }) => model ?? []),
  images: ({ stack }) => imageNames(stack),
  profiles: ({ profiles }) => profiles,
  environment: ({ environment }) =>
    Object.entries(environment)
      .map(([key, value]) => `${key}=${value}`)
      .sort(),
  // Printed from the tree, before variables are filled in.
  variables: () => [],
}

function hashes(
  { stack }: LoadedStack,
  { names, digest }: { readonly names: readonly string[]; readonly digest: Digest },
): string {
  const wanted = names.includes('*') ? Object.keys(stack.services) : names
  return lines(
    [...wanted].sort().map((name) => {
      const service = stack.services[name]
      if (service === undefined) throwNoService(name, Object.keys(stack.services))
      return `${name} ${serviceHash(service, digest)}`
    }),
  )
}

function lines(items: readonly string[]): string {
  return items.map((item) => `${item}\n`).join('')
}
