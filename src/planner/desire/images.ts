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
  const add = (service: string, wish: Omit<DesiredImage, 'services'>): void => {
    const key = `${wish.image} ${wish.platform ?? ''}`
    const known = images.get(key)
    if (known?.services.includes(service)) return
    const own = wish.pullPolicy
    const pullPolicy = known === undefined ? own : oftener(known.pullPolicy, own)
    const services = [...(known?.services ?? []), service]
    const isBuilt = known?.isBuilt ?? wish.isBuilt
    images.set(
      key,
      present({ image: wish.image, platform: wish.platform, pullPolicy, isBuilt, services }),
    )
  }
  for (const { service, spec } of containers) {
    const { image, platform, hooks } = spec
    const own = stack.services[service]
    const isBuilt = own?.build === undefined ? undefined : (true as const)
    add(service, present({ image, platform, pullPolicy: policyOf(own), isBuilt }))
    for (const hook of hooks?.preStart ?? []) {
      const other = hook.image
      if (other !== undefined)
        add(service, present({ image: other, platform, pullPolicy: own?.pull_policy }))
    }
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
