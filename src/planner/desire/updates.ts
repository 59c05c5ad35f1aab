/** `deploy.update_config` and `deploy.rollback_config`. */

import type { Service, Stack, UpdateConfig } from '../../spec/index.ts'
import type { DesiredContainer } from '../model.ts'
import type { ServiceUpdate, UpdateRule } from '../model-update.ts'
import { durationMs } from './units.ts'

/**
 * Undefined where the file says nothing: then all replicas are replaced at once, as Compose does.
 * `placesFrom(index)` makes the container that would have that index.
 */
export function updateOf(
  stack: Stack,
  serviceName: string,
  replicas: {
    readonly count: number
    readonly placeAt: (index: number) => DesiredContainer
  },
): ServiceUpdate | undefined {
  const service = stack.services[serviceName]
  const config = service?.deploy?.update_config
  if (service === undefined || config === undefined) return undefined
  const update = ruleOf(config)
  const back = ruleOf(service.deploy?.rollback_config ?? config)
  const { count, placeAt } = replicas
  const obstacle = obstacleOf(stack, serviceName, service)
  const asks = update.order === 'start-first'
  return {
    update,
    // There is nothing behind the way back.
    rollback: back.failureAction === 'rollback' ? { ...back, failureAction: 'pause' } : back,
    spares:
      obstacle === undefined
        ? Array.from({ length: count }, (_, at) => placeAt(count + at + 1))
        : [],
    ...(asks && obstacle !== undefined ? { obstacle } : {}),
  }
}

/** Defaults are those of the Compose specification, `deploy.update_config`. */
function ruleOf(config: UpdateConfig): UpdateRule {
  const { failure_action: failureAction } = config
  return {
    parallelism: Math.max(0, config.parallelism ?? 1),
    order: config.order === 'start-first' ? 'start-first' : 'stop-first',
    delayMs: durationMs(config.delay) ?? 0,
    monitorMs: durationMs(config.monitor) ?? 0,
    failureAction:
      failureAction === 'continue' || failureAction === 'rollback' ? failureAction : 'pause',
    maxFailureRatio: config.max_failure_ratio ?? 0,
  }
}

/** What two containers of a service cannot both have. */
function obstacleOf(stack: Stack, name: string, service: Service): string | undefined {
  if (service.container_name !== undefined) return 'its container_name can be had by one only'
  const attachments = Object.values(service.networks ?? {})
  const isFixed = attachments.some(
    (each) => each?.ipv4_address ?? each?.ipv6_address ?? each?.mac_address,
  )
  if (isFixed || service.mac_address !== undefined) return 'its address is fixed'
  const hasRange = service.ports?.some(({ published }) => published?.includes('-') === true)
  if (hasRange === true) return 'its published ports are a range'
  const sharer = Object.entries(stack.services).find(([, other]) => sharesWith(other, name))
  return sharer === undefined ? undefined : `"${sharer[0]}" shares a namespace with it`
}

function sharesWith({ network_mode: network, pid, ipc }: Service, name: string): boolean {
  return [network, pid, ipc].includes(`service:${name}`)
}
