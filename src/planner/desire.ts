/** What a stack file implies: every container, network and volume, in one canonical form. */

import { UsageError } from '../errors.ts'
import type { Service, Stack } from '../spec/index.ts'
import { buildsOf } from './desire/builds.ts'
import { containerSpec } from './desire/container.ts'
import { containerName, type Place } from './desire/context.ts'
import { dependenciesOf } from './desire/dependencies.ts'
import { fileValues } from './desire/file-mounts.ts'
import { imagesOf, overImageOf } from './desire/images.ts'
import { networkSpecs } from './desire/networks.ts'
import { updateOf } from './desire/updates.ts'
import { volumeSpecs } from './desire/volumes.ts'
import { didYouMean } from './did-you-mean.ts'
import type { IncludedValues } from './desire/file-mounts.ts'
import type { DesiredContainer, DesiredState, StackSource } from './model.ts'
import { sortedNames } from './order.ts'

export interface DesireOptions {
  /** `--scale SERVICE=N`: replicas instead of the file's. */
  readonly scale?: Readonly<Record<string, number>> | undefined
  /** Services that no active profile enables. */
  readonly inactiveServices?: readonly string[] | undefined
  /** Networks and volumes are made whether or not a container needs them. */
  readonly allResources?: boolean | undefined
  /** Variables for secrets and configs that are taken from one; absent: no values are told. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Contents that are a variable of an included project, by the name of their object. */
  readonly includedValues?: IncludedValues | undefined
}

/**
 * The desired state of `stack`, which was read from `source`. Names are Compose's:
 * `<stack>-<service>-<N>`, N from 1, unless `container_name` says otherwise. What it cannot express
 * yet is left out; the warnings of the spec room say what.
 * @throws UsageError when `scale` names an unknown service, or several containers of one name.
 */
export function desire(
  stack: Stack,
  source: StackSource,
  options: DesireOptions = {},
): DesiredState {
  checkScale(stack, options)
  // A provider's service is a program of the provider's, not a container.
  const services = sortedNames(Object.keys(stack.services)).filter(
    (name) => stack.services[name]?.provider === undefined,
  )
  const containers = services.flatMap((name) =>
    containersOf(stack, name, { ...options, directory: source.directory }),
  )
  const builds = buildsOf(stack, services)
  const updates = services.flatMap((name) => {
    const placeAt = (index: number): DesiredContainer =>
      containerAt(stack, { name, index, directory: source.directory })
    const count = containers.filter((each) => each.service === name).length
    const update = updateOf(stack, name, { count, placeAt })
    return update === undefined ? [] : [[name, update] as const]
  })
  const quiet = services.filter((name) => stack.services[name]?.attach === false)
  const orphans = orphansOf(options.environment)
  const { inactiveServices = [] } = options
  return {
    stack: stack.name,
    source,
    services,
    ...(inactiveServices.length === 0 ? {} : { inactiveServices }),
    containers,
    networks: networkSpecs(stack),
    volumes: volumeSpecs(stack),
    images: imagesOf(stack, containers),
    ...(quiet.length === 0 ? {} : { quietServices: quiet }),
    ...(orphans === undefined ? {} : { orphans }),
    ...(options.allResources === true ? { allResources: true } : {}),
    ...(builds.length === 0 ? {} : { builds }),
    ...(updates.length === 0 ? {} : { updates: Object.fromEntries(updates) }),
    ...(options.environment === undefined
      ? {}
      : { values: fileValues(stack, options.environment, options.includedValues) }),
  }
}

/** @see Docker Compose, pre-defined environment variables */
function orphansOf(environment: DesireOptions['environment'] = {}): DesiredState['orphans'] {
  const isOn = (name: string): boolean => /^(?:1|t|true)$/i.test(environment[name] ?? '')
  if (isOn('COMPOSE_REMOVE_ORPHANS')) return 'remove'
  return isOn('COMPOSE_IGNORE_ORPHANS') ? 'ignore' : undefined
}

function containersOf(
  stack: Stack,
  serviceName: string,
  { directory, ...options }: DesireOptions & { readonly directory: string },
): readonly DesiredContainer[] {
  const service = stack.services[serviceName]
  if (service === undefined) return []
  return Array.from({ length: replicasOf(serviceName, service, options) }, (_, at) =>
    containerAt(stack, { name: serviceName, index: at + 1, directory }),
  )
}

function containerAt(
  stack: Stack,
  at: { readonly name: string; readonly index: number; readonly directory: string },
): DesiredContainer {
  const { name: serviceName, index, directory } = at
  const service = stack.services[serviceName]
  if (service === undefined) throw new Error(`unreachable: "${serviceName}" is a service`)
  const name = containerName(stack, serviceName, index)
  const place: Place = { stack, directory, serviceName, service, name, index }
  const overImage = overImageOf(service)
  return {
    name,
    service: serviceName,
    index,
    spec: containerSpec(place),
    dependsOn: dependenciesOf(service),
    ...(overImage === undefined ? {} : { overImage }),
  }
}

function replicasOf(name: string, service: Service, { scale }: DesireOptions): number {
  return scale?.[name] ?? service.scale ?? service.deploy?.replicas ?? 1
}

function checkScale(stack: Stack, { scale = {} }: DesireOptions): void {
  for (const [name, replicas] of Object.entries(scale)) {
    const service = Object.hasOwn(stack.services, name) ? stack.services[name] : undefined
    if (service === undefined) throw noSuchService(stack, name)
    if (service.container_name !== undefined && replicas > 1) {
      throw new UsageError(
        `Cannot scale "${name}" to ${replicas}: its container_name "${service.container_name}" ` +
          'can be had by one container only; remove container_name',
      )
    }
  }
}

function noSuchService(stack: Stack, name: string): UsageError {
  const guess = didYouMean(name, Object.keys(stack.services))
  return new UsageError(`Cannot scale "${name}": stack "${stack.name}" has no such service`, {
    code: 'NO_SUCH_SERVICE',
    hint: guess === undefined ? undefined : `Did you mean "${guess}"?`,
  })
}
