/** Images of a stack, and what its file says about things that an image may say as well. */

import type { Service, Stack } from '../../spec/index.ts'
import type { DesiredContainer, DesiredImage, OverImage } from '../model.ts'
import { overImageHealth } from './health.ts'
import { present } from './units.ts'

/** Each image and platform once, of the services that have containers. */
export function imagesOf(
  stack: Stack,
  containers: readonly DesiredContainer[],
): readonly DesiredImage[] {
  const images = new Map<string, DesiredImage>()
  for (const { service, spec } of containers) {
    const { image, platform } = spec
    const key = `${image} ${platform ?? ''}`
    const known = images.get(key)
    if (known?.services.includes(service)) continue
    const own = policyOf(stack.services[service])
    const pullPolicy = known === undefined ? own : oftener(known.pullPolicy, own)
    const services = [...(known?.services ?? []), service]
    const isHere = known?.isBuilt === true || stack.services[service]?.build !== undefined
    const isBuilt = isHere ? (true as const) : undefined
    images.set(key, present({ image, platform, pullPolicy, isBuilt, services }))
  }
  return [...images.values()]
}

/** Undefined when the file says nothing. */
export function overImageOf(service: Service): OverImage | undefined {
  const healthcheck = overImageHealth(service.healthcheck)
  const over: OverImage = present({
    stopSignal: service.stop_signal === undefined ? undefined : (true as const),
    healthcheck,
  })
  return Object.keys(over).length === 0 ? undefined : over
}

/** What is built and has no name of its own is never fetched: a stranger may have taken its name. */
function policyOf(service: Service | undefined): string | undefined {
  const isOwn = service?.build !== undefined && service.image === undefined
  return isOwn ? 'never' : service?.pull_policy
}

/** Of two services that name one image, the one that asks for the newest decides. */
function oftener(one: string | undefined, other: string | undefined): string | undefined {
  return rankOf(one) >= rankOf(other) ? one : other
}

const RANKS = ['never', undefined, 'missing', 'build', 'weekly', 'daily', 'every', 'always']

function rankOf(policy: string | undefined): number {
  return RANKS.indexOf(policy?.startsWith('every_') ? 'every' : policy)
}
