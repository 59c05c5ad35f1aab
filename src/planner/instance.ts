/** Isolated instances: several copies of one stack on a machine, which have nothing in common. */

import type { DesiredContainer, DesiredState, PortSpec, ServiceUpdate } from './model.ts'

/**
 * The same stack with names and ports of its own. Its project name has the instance in it already;
 * names that the file fixes get it as well. Every published port moves into the block that belongs
 * to the instance: the first of the file's, in the order of their numbers, is the first of the
 * block. The block follows from the project's name alone, so that it is the same every time.
 */
export function asInstance(desired: DesiredState, instance: string): DesiredState {
  const { moved, networks, volumes } = movesOf(desired, instance)
  const withSpares = (update: ServiceUpdate): ServiceUpdate => ({
    ...update,
    spares: update.spares.map((each) => moved(each)),
  })
  return {
    ...desired,
    containers: desired.containers.map((each) => moved(each)),
    ...(desired.updates && { updates: mapValues(desired.updates, withSpares) }),
    networks: desired.networks.map((each) => ({ ...each, name: named(networks, each.name) })),
    volumes: desired.volumes.map((each) => ({ ...each, name: named(volumes, each.name) })),
  }
}

/**
 * A container of `run` in the instance of the stack `desired`, as its file has it. Its name and the
 * ports that it publishes by a word of its own stay as they are.
 */
export function oneOffAsInstance(
  desired: DesiredState,
  instance: string,
  { container, kept }: { readonly container: DesiredContainer; readonly kept: ReadonlySet<number> },
): DesiredContainer {
  return { ...movesOf(desired, instance).moved(container, kept), name: container.name }
}

interface Moves {
  /** Published ports that are `kept` stay. */
  readonly moved: (container: DesiredContainer, kept?: ReadonlySet<number>) => DesiredContainer
  /** New names by those of the file. */
  readonly networks: ReadonlyMap<string, string>
  readonly volumes: ReadonlyMap<string, string>
}

function movesOf(desired: DesiredState, instance: string): Moves {
  const ports = movedPorts(desired)
  const own = (name: string): string =>
    name.startsWith(`${desired.stack}_`) ? name : `${name}-${instance}`
  const networks = new Map(
    desired.networks.map((each) => [each.name, each.external ? each.name : own(each.name)]),
  )
  const volumes = new Map(
    desired.volumes.map((each) => [each.name, each.external ? each.name : own(each.name)]),
  )
  return { moved, networks, volumes }

  function moved(
    container: DesiredContainer,
    kept: ReadonlySet<number> = new Set(),
  ): DesiredContainer {
    const { spec, name, service, index } = container
    const isUsual = name === `${desired.stack}-${service}-${index}`
    const { network } = spec
    return {
      ...container,
      name: isUsual ? name : `${name}-${instance}`,
      spec: {
        ...spec,
        ports: spec.ports.map((port) =>
          kept.has(port.published?.first ?? 0) ? port : movePort(port, ports),
        ),
        mounts: spec.mounts.map((mount) =>
          mount.kind === 'volume' ? { ...mount, volume: named(volumes, mount.volume) } : mount,
        ),
        network:
          network.kind === 'networks'
            ? {
                ...network,
                attachments: network.attachments.map((each) => ({
                  ...each,
                  network: named(networks, each.network),
                })),
              }
            : network,
      },
    }
  }
}

function named(names: ReadonlyMap<string, string>, name: string): string {
  return names.get(name) ?? name
}

function mapValues<T>(
  values: Readonly<Record<string, T>>,
  change: (value: T) => T,
): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]))
}

/** Below the ports that the kernel gives to clients (ip_local_port_range begins at 32768). */
const FIRST_PORT = 10_240
const BLOCK_PORTS = 16
const BLOCKS = Math.floor((32_768 - FIRST_PORT) / BLOCK_PORTS)

/** First port of the block of a project: `shop-mine`. */
export function portBlock(project: string): number {
  // FNV-1a of 32 bits: spreads names evenly, and is the same everywhere.
  let hash = 0x811c9dc5
  for (const character of project) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0
  }
  return FIRST_PORT + (hash % BLOCKS) * BLOCK_PORTS
}

/** Where each published port goes, by its number in the file. */
function movedPorts({ stack, containers }: DesiredState): ReadonlyMap<number, number> {
  const numbers = containers.flatMap(({ spec }) =>
    spec.ports.flatMap(({ published }) => all(published)),
  )
  const sorted = [...new Set(numbers)].toSorted((a, b) => a - b)
  const first = portBlock(stack)
  return new Map(sorted.map((number, at) => [number, first + at]))
}

function all(published: PortSpec['published']): readonly number[] {
  if (published === undefined) return []
  const { first, last } = published
  return Array.from({ length: last - first + 1 }, (_, at) => first + at)
}

/** A range stays one: its numbers follow one another in the block, as in the file. */
function movePort(port: PortSpec, ports: ReadonlyMap<number, number>): PortSpec {
  if (port.published === undefined) return port
  const { first, last } = port.published
  return {
    ...port,
    published: { first: ports.get(first) ?? first, last: ports.get(last) ?? last },
  }
}
