/** What images say of containers, taken into the desired state before anything is compared. */

import { anonymousVolumeName } from './desire/mounts.ts'
import type {
  ContainerSpec,
  DesiredContainer,
  DesiredState,
  Healthcheck,
  MountSpec,
} from './model.ts'
import { compareNames } from './order.ts'
import { mapPlaces } from './places.ts'

/** The part of an image that belongs to the desired state; the rest is read when it starts. */
export interface ImageFacts {
  readonly digest: string
  /** Absolute normal paths. */
  readonly volumes?: readonly string[]
  readonly stopSignal?: string
  readonly healthcheck?: Healthcheck
}

/**
 * `desired` with every container as its image has it where the stack file says nothing: the digest,
 * stop signal, healthcheck, and an anonymous volume at each place that the image names. `factsOf`
 * is undefined for an image that is not known (yet).
 */
export function withImages(
  desired: DesiredState,
  factsOf: (spec: Pick<ContainerSpec, 'image' | 'platform'>) => ImageFacts | undefined,
): DesiredState {
  return mapPlaces(desired, (container) => {
    const facts = factsOf(container.spec)
    const own = facts === undefined ? container : withImage(container, facts)
    const { hooks, platform } = own.spec
    if (hooks === undefined) return own
    const preStart = hooks.preStart.map((hook) => {
      if (hook.image === undefined) return hook
      const found = factsOf({ image: hook.image, ...(platform && { platform }) })
      return found === undefined ? hook : { ...hook, imageDigest: found.digest }
    })
    return { ...own, spec: { ...own.spec, hooks: { ...hooks, preStart } } }
  })
}

function withImage(container: DesiredContainer, facts: ImageFacts): DesiredContainer {
  const { spec, overImage } = container
  const healthcheck = healthcheckOf(container, facts)
  const takesSignal = facts.stopSignal !== undefined && overImage?.stopSignal === undefined
  return {
    ...container,
    spec: {
      ...spec,
      imageDigest: facts.digest,
      ...(takesSignal ? { stopSignal: signalName(facts.stopSignal ?? spec.stopSignal) } : {}),
      ...(healthcheck === undefined ? {} : { healthcheck }),
      mounts: withVolumes(container, facts),
    },
  }
}

function healthcheckOf(
  { spec, overImage }: DesiredContainer,
  { healthcheck }: ImageFacts,
): Healthcheck | undefined {
  if (spec.healthcheck !== undefined) return spec.healthcheck
  const over = overImage?.healthcheck
  if (healthcheck === undefined || over === 'none') return undefined
  return { ...healthcheck, ...over }
}

/** A mount of the stack file at or above the same place comes before the image's wish. */
function withVolumes(
  { name, spec }: DesiredContainer,
  { volumes = [] }: ImageFacts,
): readonly MountSpec[] {
  const taken = new Set(spec.mounts.map(({ target }) => target))
  const wanted = volumes.filter((target) => target !== '/' && !taken.has(target))
  const more = wanted.map((target): MountSpec => ({
    kind: 'volume',
    volume: anonymousVolumeName(name, target),
    anonymous: true,
    target,
    readOnly: false,
    nocopy: false,
  }))
  return [...spec.mounts, ...more].toSorted((a, b) => compareNames(a.target, b.target))
}

/** Images write `SIGQUIT`, `QUIT` or `3`. */
function signalName(signal: string): string {
  if (/^\d+$/u.test(signal)) return signal
  return `SIG${signal.toUpperCase().replace(/^SIG/u, '')}`
}
