/** `run`: a container of a service beside its replicas, for one program. */

import type { Service, ServiceMount, ServicePort, Stack } from '../spec/index.ts'
import { containerSpec } from './desire/container.ts'
import { dependenciesOf } from './desire/dependencies.ts'
import type {
  ContainerSpec,
  DesiredContainer,
  DesiredState,
  ObservedState,
  OneOff,
  Plan,
} from './model.ts'
import { plan } from './plan.ts'
import { checkServices } from './select.ts'

/** What differs from the service; absent: nothing. */
export interface OneOffChanges {
  /** Empty: the service's own. */
  readonly command: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly user?: string
  readonly workingDir?: string
  readonly mounts: readonly ServiceMount[]
  readonly ports: readonly ServicePort[]
  /** Publish the ports of the service too. */
  readonly servicePorts: boolean
  /** Answer to the names of the service, and not only to its own. */
  readonly useAliases: boolean
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
}

export interface OneOffRequest {
  /** Of the project. */
  readonly directory: string
  readonly service: string
  /** Of the container. */
  readonly name: string
  readonly oneOff: OneOff
  readonly changes: OneOffChanges
}

/** @throws UsageError NO_SUCH_SERVICE when `stack` has no such service. */
export function desireOneOff(
  stack: Stack,
  { directory, service: serviceName, name, oneOff, changes }: OneOffRequest,
): DesiredContainer {
  checkServices(stack.name, [serviceName], new Set(Object.keys(stack.services)))
  const own = stack.services[serviceName]
  if (own === undefined) throw new Error(`unreachable: "${serviceName}" has just been found`)
  const service = changed(own, changes)
  const spec = containerSpec({ stack, directory, serviceName, service, name, index: 0 })
  return {
    name,
    service: serviceName,
    index: 0,
    spec: {
      ...spec,
      restart: { condition: 'no' },
      network: changes.useAliases ? spec.network : ownNameOnly(spec.network, name),
    },
    dependsOn: dependenciesOf(service),
    oneOff,
  }
}

function changed(service: Service, changes: OneOffChanges): Service {
  const { command, entrypoint, user, workingDir, capAdd, capDrop } = changes
  const targets = new Set(changes.mounts.map(({ target }) => target))
  const kept = (service.volumes ?? []).filter(({ target }) => !targets.has(target))
  return {
    ...service,
    // Another entrypoint does not want the arguments of the old one.
    ...(entrypoint === undefined ? {} : { entrypoint, command: [] }),
    ...(command.length === 0 ? {} : { command }),
    environment: { ...service.environment, ...changes.environment },
    labels: { ...service.labels, ...changes.labels },
    ...(user === undefined ? {} : { user }),
    ...(workingDir === undefined ? {} : { working_dir: workingDir }),
    volumes: [...kept, ...changes.mounts],
    ports: [...(changes.servicePorts ? (service.ports ?? []) : []), ...changes.ports],
    ...(capAdd.length === 0 ? {} : { cap_add: [...(service.cap_add ?? []), ...capAdd] }),
    ...(capDrop.length === 0 ? {} : { cap_drop: [...(service.cap_drop ?? []), ...capDrop] }),
  }
}

/** Whoever asks for the service means its replicas, and a fixed address is one of theirs. */
function ownNameOnly(network: ContainerSpec['network'], name: string): ContainerSpec['network'] {
  if (network.kind !== 'networks') return network
  const attachments = network.attachments.map(
    ({ network: attached, gatewayPriority, priority }) => ({
      network: attached,
      gatewayPriority,
      priority,
      aliases: [name],
    }),
  )
  return { kind: 'networks', attachments }
}

/**
 * What has to be there for `container`, then itself; everything that exists stays as it is.
 * `noDeps`: what it depends on is left alone.
 */
export function planOneOff(request: {
  readonly desired: DesiredState
  readonly observed: ObservedState
  readonly container: DesiredContainer
  readonly noDeps: boolean
  readonly removeOrphans?: boolean | undefined
  readonly now: number
}): Plan {
  const { observed, container, noDeps, removeOrphans, now } = request
  const { updates: _, ...desired } = request.desired
  const others = <T extends { readonly service: string }>(list: readonly T[]): readonly T[] =>
    list.filter(({ service }) => service !== container.service)
  const existing = new Map(observed.networks.map(({ spec }) => [spec.name, spec]))
  return plan({
    desired: {
      ...desired,
      containers: [...others(desired.containers), container],
      networks: desired.networks.map((spec) => existing.get(spec.name) ?? spec),
    },
    observed: { ...observed, containers: others(observed.containers) },
    now,
    options: { services: [container.service], noDeps, noRecreate: true, removeOrphans },
  })
}
