/** Which images a stack needs, and what their settings mean for its containers. */

import {
  type ImageHealthcheck,
  type ImageWish,
  parseImageSource,
  parsePlatform,
  parsePolicy,
  type StoredImage,
} from '../../image/index.ts'
import type { DesiredImage, DesiredState, Healthcheck, ImageFacts } from '../../planner/index.ts'

/** An image of the stack, with the text that the worker is given. */
export interface StackWish {
  readonly desired: DesiredImage
  readonly wish: ImageWish
}

export interface WishOptions {
  /** Empty: all. */
  readonly services: readonly string[]
  /** A policy that comes before the file's. */
  readonly pull?: string | undefined
  /** Default: true. */
  readonly includeDeps?: boolean
  /**
   * Images that services build under a name of a registry: true: they are asked of it as well,
   * false: they are left out. Absent: only when they are not here.
   */
  readonly includeBuilt?: boolean
}

/**
 * Images of the store that the containers of `services` need (empty: all), and those of services
 * they depend on. `pull`: a policy that comes before the file's.
 * @throws {EngineError} IMAGE for what cannot be understood
 */
export function wishesOf(desired: DesiredState, options: WishOptions): readonly StackWish[] {
  const { services, includeDeps = true } = options
  const isExact = services.length > 0 && !includeDeps
  const needed = isExact ? new Set(services) : withDependencies(desired, services)
  return (desired.images ?? [])
    .filter(({ isBuilt }) => !(isBuilt === true && options.includeBuilt === false))
    .filter((image) => image.services.some((service) => needed.has(service)))
    .map((image) => ({ desired: image, wish: wishOf(image, desired.source.directory, options) }))
    .filter(({ wish }) => wish.source.kind !== 'host' && wish.source.kind !== 'directory')
}

/** The policy asked for counts before the file's; not for what is built, which is newer here. */
export function policyOf(
  { isBuilt, pullPolicy }: DesiredImage,
  { pull, includeBuilt = false }: Pick<WishOptions, 'pull' | 'includeBuilt'>,
): string | undefined {
  const isOwn = isBuilt === true && (!includeBuilt || pullPolicy === 'never')
  return isOwn ? pullPolicy : (pull ?? pullPolicy)
}

function wishOf(image: DesiredImage, directory: string, options: WishOptions): ImageWish {
  return {
    image: image.image,
    source: parseImageSource(image.image, directory),
    policy: parsePolicy(policyOf(image, options)),
    ...(image.platform === undefined ? {} : { platform: parsePlatform(image.platform) }),
  }
}

function withDependencies(
  { containers }: DesiredState,
  services: readonly string[],
): ReadonlySet<string> {
  if (services.length === 0) return new Set(containers.map(({ service }) => service))
  const needed = new Set(services)
  // A set can be added to while it is gone through.
  for (const service of needed) {
    const own = containers.find((container) => container.service === service)
    for (const { service: other } of own?.dependsOn ?? []) needed.add(other)
  }
  return needed
}

/** What of an image belongs to the desired state. */
export function factsOf({ manifest, settings }: StoredImage): ImageFacts {
  const healthcheck = healthcheckOf(settings.healthcheck)
  return {
    digest: manifest,
    ...(settings.volumes === undefined ? {} : { volumes: settings.volumes }),
    ...(settings.stopSignal === undefined ? {} : { stopSignal: settings.stopSignal }),
    ...(healthcheck === undefined ? {} : { healthcheck }),
  }
}

/** With Docker's defaults for what the image leaves open. */
function healthcheckOf(check: ImageHealthcheck | undefined): Healthcheck | undefined {
  const [kind, ...words] = check?.test ?? []
  if (check === undefined || kind === 'NONE' || words.length === 0) return undefined
  return {
    test: kind === 'CMD-SHELL' ? ['/bin/sh', '-c', words.join(' ')] : words,
    intervalMs: check.intervalMs ?? 30_000,
    timeoutMs: check.timeoutMs ?? 30_000,
    retries: check.retries ?? 3,
    startPeriodMs: check.startPeriodMs ?? 0,
    startIntervalMs: check.startIntervalMs ?? 5000,
  }
}
