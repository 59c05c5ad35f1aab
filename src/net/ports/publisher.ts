/**
 * Published ports of all containers: reserved by sockets here, done by the kernel or else by
 * proxies.
 */

import { withoutElements, type Firewall } from '../firewall/firewall.ts'
import type { PortOwner, PortRequest, PublishRequest, PublishedPort } from '../types.ts'
import { portElements, readPorts } from './elements.ts'
import { startTcpProxy, startUdpProxy, type Proxy } from './proxy.ts'
import { ANY_ADDRESS, releasePort, reservePort, type Reservation } from './reserve.ts'

interface Held extends PublishedPort {
  readonly reservation: Reservation
  /** Present where nothing else passes packets on; it owns the reservation's socket. */
  readonly proxy: Proxy | undefined
}

interface Holder {
  readonly request: PublishRequest
  readonly gateway: string
  readonly ports: readonly Held[]
}

type KnownPort = PublishedPort & { readonly container: string }

export class Publisher {
  readonly #firewall: Firewall | undefined
  readonly #holders = new Map<string, Holder>()

  constructor(firewall: Firewall | undefined) {
    this.#firewall = firewall
  }

  /** Throws PORT_IN_USE for the first port that could not be had; takes none. */
  check(request: PortOwner & { readonly ports: readonly PortRequest[] }): void {
    const taken: Reservation[] = []
    const known = this.list()
    try {
      for (const port of withoutDoubles(request.ports)) {
        if (!this.#keep(request.container, port)) taken.push(this.#reserve(request, port, known))
      }
    } finally {
      taken.forEach(releasePort)
    }
  }

  /** Publishes exactly `request.ports`; ports that are published already keep their number. */
  async publish(request: PublishRequest, gateway: string): Promise<readonly PublishedPort[]> {
    const before = this.#holders.get(request.container)?.ports ?? []
    const ports: Held[] = []
    const known = this.list()
    try {
      for (const port of withoutDoubles(request.ports)) {
        ports.push(await this.#hold(request, port, known))
      }
      this.#writeElements({ request, gateway, ports })
    } catch (error) {
      await dropPorts(missingFrom(before, ports))
      throw error
    }
    this.#holders.set(request.container, { request, gateway, ports })
    await dropPorts(missingFrom(ports, before))
    return ports.map(publicPart)
  }

  async unpublish(container: string): Promise<void> {
    const held = this.#holders.get(container)?.ports ?? []
    this.#holders.delete(container)
    const placed = this.#firewall?.ports() ?? []
    this.#firewall?.change(
      placed.filter(({ element }) => element.comment === container),
      [],
    )
    await dropPorts(held)
  }

  list(): readonly KnownPort[] {
    if (this.#firewall) return readPorts(this.#firewall.sets, this.#firewall.ports())
    return [...this.#holders.values()].flatMap(({ request, ports }) =>
      ports.map((port) => ({ ...publicPart(port), container: request.container })),
    )
  }

  /** Writes again what somebody removed from the kernel. */
  repair(): void {
    for (const holder of this.#holders.values()) this.#writeElements(holder)
  }

  /** Lets go of sockets and proxies. What the kernel does goes on. */
  async close(): Promise<void> {
    const held = [...this.#holders.values()].flatMap(({ ports }) => ports)
    this.#holders.clear()
    await dropPorts(held)
  }

  async #hold(
    request: PublishRequest,
    port: PortRequest,
    known: readonly KnownPort[],
  ): Promise<Held> {
    const kept = this.#keep(request.container, port)
    const { address } = request
    kept?.proxy?.setAddress(address)
    if (kept) return kept
    const reservation = this.#reserve(request, sameAsBefore(request.container, port, known), known)
    const { protocol, hostIp, published } = reservation
    const { target } = port
    const start = protocol === 'tcp' ? startTcpProxy : startUdpProxy
    const proxy = this.#firewall
      ? undefined
      : await start({ fd: reservation.fd, address, port: target })
    return { protocol, hostIp, published, target, reservation, proxy }
  }

  #reserve(owner: PortOwner, port: PortRequest, known: readonly KnownPort[]): Reservation {
    return reservePort({
      port,
      service: owner.service,
      listen: this.#firewall === undefined,
      knownOwner: (query) => knownOwner(owner.container, query, known),
    })
  }

  /** What `container` holds already for `port`. */
  #keep(container: string, port: PortRequest): Held | undefined {
    return this.#holders.get(container)?.ports.find((held) => isAnswerTo(held, port))
  }

  #writeElements({ request, gateway, ports }: Holder): void {
    const firewall = this.#firewall
    if (!firewall) return
    if (ports.length > 0) firewall.ensureTable()
    const target = { container: request.container, address: request.address, gateway }
    const wanted = ports.flatMap((port) => portElements(firewall.sets, publicPart(port), target))
    const present = firewall.ports().filter(({ element }) => element.comment === request.container)
    firewall.change(withoutElements(present, wanted), withoutElements(wanted, present))
  }
}

/** A port of any number keeps the one that a dead supervisor has chosen for it. */
function sameAsBefore(
  container: string,
  port: PortRequest,
  known: readonly KnownPort[],
): PortRequest {
  const same = known.find((one) => one.container === container && isAnswerTo(one, port))
  return same ? { ...port, published: { first: same.published, last: same.published } } : port
}

function knownOwner(
  container: string,
  query: Pick<PublishedPort, 'protocol' | 'hostIp' | 'published'>,
  known: readonly KnownPort[],
): string | undefined {
  const other = known.find(
    (one) =>
      one.container !== container &&
      one.protocol === query.protocol &&
      one.published === query.published &&
      (one.hostIp === query.hostIp || [one.hostIp, query.hostIp].includes(ANY_ADDRESS)),
  )
  return other && `container "${other.container}"`
}

function isAnswerTo(held: PublishedPort, port: PortRequest): boolean {
  const { first, last } = port.published ?? { first: 1, last: 65_535 }
  return (
    held.protocol === port.protocol &&
    held.target === port.target &&
    held.hostIp === (port.hostIp ?? ANY_ADDRESS) &&
    first <= held.published &&
    held.published <= last
  )
}

function publicPart({ protocol, hostIp, published, target }: PublishedPort): PublishedPort {
  return { protocol, hostIp, published, target }
}

function withoutDoubles(ports: readonly PortRequest[]): readonly PortRequest[] {
  return [...new Map(ports.map((port) => [JSON.stringify(port), port])).values()]
}

/** Those of `ports` whose reservation is not among `others`. */
function missingFrom(others: readonly Held[], ports: readonly Held[]): readonly Held[] {
  const known = new Set(others.map(({ reservation }) => reservation))
  return ports.filter(({ reservation }) => !known.has(reservation))
}

async function dropPorts(ports: readonly Held[]): Promise<void> {
  await Promise.all(
    ports.map(async ({ proxy, reservation }) => {
      if (proxy) await proxy.close()
      else releasePort(reservation)
    }),
  )
}
