/**
 * Published ports of all containers: reserved by sockets here, done by the kernel or else by
 * proxies.
 */

import { EngineError } from '../../errors.ts'
import { familiesOf, withoutElements, type Firewall } from '../firewall/firewall.ts'
import { familyOf, type Family } from '../subnet.ts'
import type {
  PortOwner,
  PortRequest,
  PublishRequest,
  PublishedPort,
  RefusedPort,
} from '../types.ts'
import {
  ANY_ADDRESS,
  ANY_ADDRESS_V6,
  elementsOf,
  isEveryAddress,
  keyText,
  portElements,
  readPorts,
  type KnownPort,
  type PortKey,
} from './elements.ts'
import { forgetDatagrams } from './forget.ts'
import { startTcpProxy, startUdpProxy, type Place, type Proxy } from './proxy.ts'
import { releasePort, reservePort, type Reservation } from './reserve.ts'

/** A port of the host that this process keeps from others. */
interface Held {
  readonly reservation: Reservation
  /** Present where nothing else passes packets on; it owns the reservation's socket. */
  readonly proxy: Proxy | undefined
}

type Addresses = Pick<PublishRequest, 'address' | 'address6'>

export class Publisher {
  readonly #firewall: Firewall | undefined
  readonly #outside: number | undefined
  readonly #held = new Map<string, Held>()
  /** What was published by this process: all there is where nobody else remembers it. */
  #known: readonly KnownPort[] = []
  /** Containers whose clients go elsewhere while others serve: not ready, or about to end. */
  readonly #resting = new Set<string>()

  /** `outside`: where the ports are, when not here; then there are proxies only. */
  constructor(firewall: Firewall | undefined, outside?: number) {
    this.#firewall = outside === undefined ? firewall : undefined
    this.#outside = outside
  }

  /** The ports that could not be had, and why; takes none. */
  check(
    request: PortOwner &
      Addresses & { readonly ports: readonly PortRequest[]; readonly leaving?: readonly string[] },
  ): readonly RefusedPort[] {
    const { leaving = [] } = request
    const fresh: Reservation[] = []
    const refused: RefusedPort[] = []
    const known = this.list()
    try {
      for (const port of withoutDoubles(request.ports)) {
        if (known.some((one) => leaving.includes(one.container) && mayHold(one, port))) continue
        try {
          this.#choose(request, port, { fresh, known })
        } catch (error) {
          if (!(error instanceof EngineError)) throw error
          refused.push({ port, error })
        }
      }
    } finally {
      fresh.forEach(releasePort)
    }
    return refused
  }

  /** Publishes exactly `request.ports`; ports that are published already keep their number. */
  async publish(
    request: PublishRequest,
    gateways: readonly string[],
  ): Promise<readonly PublishedPort[]> {
    const fresh: Reservation[] = []
    const known = this.list()
    let wanted: readonly KnownPort[]
    try {
      wanted = withoutDoubles(request.ports).flatMap((port) =>
        this.#choose(request, port, { fresh, known }).map((key) =>
          knownPort(request, { key, port, gateways }),
        ),
      )
      await this.#hold(fresh, wanted)
    } catch (error) {
      fresh.filter((one) => !this.#held.has(keyText(one))).forEach(releasePort)
      throw error
    }
    try {
      await this.#replace(request.container, wanted)
    } catch (error) {
      await this.#releaseUnused()
      throw error
    }
    return wanted.map(({ protocol, hostIp, published, target }) => ({
      protocol,
      hostIp,
      published,
      target,
    }))
  }

  async unpublish(container: string): Promise<void> {
    await this.#replace(container, [])
  }

  setServing(container: string, isServing: boolean): void {
    if (this.#resting.has(container) === !isServing) return
    const own = this.#known.filter((one) => one.container === container)
    // Before: what rests is not to be seen in the kernel.
    const known = own.length > 0 ? this.list() : []
    if (isServing) this.#resting.delete(container)
    else this.#resting.add(container)
    this.#lead(known, new Set(own.map(keyText)))
  }

  /** As others are told of them. */
  published(): readonly (PublishedPort & { readonly container: string })[] {
    return this.list().map(({ protocol, hostIp, published, target, container }) => ({
      protocol,
      hostIp,
      published,
      target,
      container,
    }))
  }

  /** With those that the kernel does not show, as others serve in their place. */
  list(): readonly KnownPort[] {
    const firewall = this.#firewall
    if (!firewall) return this.#known
    const shown = readPorts(firewall.sets, firewall.ports())
    const isShown = new Set(shown.map(placeText))
    return [
      ...shown,
      ...this.#known.filter(
        (one) => this.#resting.has(one.container) && !isShown.has(placeText(one)),
      ),
    ]
  }

  /** Writes again what somebody removed from the kernel. */
  repair(): void {
    const firewall = this.#firewall
    if (!firewall || this.#known.length === 0) return
    const known = new Map(this.list().map((one) => [placeText(one), one]))
    for (const one of this.#known) known.set(placeText(one), one)
    this.#writeElements(firewall, [...known.values()], new Set([...known.values()].map(keyText)))
  }

  /** Lets go of sockets and proxies. What the kernel does goes on. */
  async close(): Promise<void> {
    this.#known = []
    await this.#releaseUnused()
  }

  /** Ports of the host for `port`; sockets that had to be opened for them are added to `fresh`. */
  #choose(
    request: PortOwner & Addresses,
    port: PortRequest,
    { fresh, known }: { readonly fresh: Reservation[]; readonly known: readonly KnownPort[] },
  ): readonly PortKey[] {
    const hostIps = hostIpsOf(request, port)
    const others = known.filter(({ container }) => container !== request.container)
    const before = known.filter(({ container }) => container === request.container)
    const same = before.find((one) => isAnswerTo(one, port))
    const sameNumber = same && { first: same.published, last: same.published }
    const reserved = reservePort({
      port: sameNumber ? { ...port, published: sameNumber } : port,
      hostIps,
      service: request.service,
      listen: this.#firewall === undefined,
      outside: this.#outside,
      holderOf: (key, isOnlyChoice) => {
        const holders = others.filter((one) => isSamePort(one, key))
        const mayShare = (one: KnownPort): boolean =>
          one.stack !== undefined && one.stack === request.stack && one.hostIp === key.hostIp
        const isOurs = before.some((one) => keyText(one) === keyText(key))
        if (holders.length === 0) return undefined
        const canShare = (isOnlyChoice || isOurs) && holders.every(mayShare)
        return canShare ? undefined : holderText(holders, request)
      },
      held: (key) =>
        this.#held.get(keyText(key))?.reservation ??
        fresh.find((one) => keyText(one) === keyText(key)),
    })
    fresh.push(...reserved)
    const published = reserved[0]?.published ?? sameNumber?.first ?? port.published?.first ?? 0
    return hostIps.map((hostIp) => ({ protocol: port.protocol, hostIp, published }))
  }

  /** Keeps new sockets, with a proxy for each where the kernel does nothing. */
  async #hold(fresh: readonly Reservation[], wanted: readonly KnownPort[]): Promise<void> {
    for (const reservation of fresh) {
      const key = keyText(reservation)
      const known = wanted.find((one) => keyText(one) === key)
      const start = reservation.protocol === 'tcp' ? startTcpProxy : startUdpProxy
      const proxy =
        this.#firewall || !known
          ? undefined
          : await start({
              fd: reservation.fd,
              family: familyOf(reservation.hostIp),
              targets: [placeOf(known)],
            })
      this.#held.set(key, { reservation, proxy })
    }
  }

  /** Makes `wanted` all that is published of `container`. */
  async #replace(container: string, wanted: readonly KnownPort[]): Promise<void> {
    const all = this.list()
    const gone = all.filter((one) => one.container === container)
    const known = [...all.filter((one) => one.container !== container), ...wanted]
    const touched = new Set([...gone, ...wanted].map(keyText))
    if (wanted.length === 0) this.#resting.delete(container)
    const before = this.#known
    this.#known = [...before.filter((one) => one.container !== container), ...wanted]
    try {
      this.#lead(known, touched)
    } catch (error) {
      this.#known = before
      throw error
    }
    await this.#releaseUnused()
  }

  /** Leads clients of the ports `touched` to those of `known` that serve. */
  #lead(known: readonly KnownPort[], touched: ReadonlySet<string>): void {
    if (touched.size === 0) return
    if (this.#firewall) this.#writeElements(this.#firewall, known, touched)
    for (const key of touched) {
      const targets = this.#serving(this.#known.filter((one) => keyText(one) === key))
      this.#held.get(key)?.proxy?.setTargets(targets.map(placeOf))
    }
  }

  /** All of them when none serves: one that is not ready yet is better than nobody. */
  #serving(sharers: readonly KnownPort[]): readonly KnownPort[] {
    const serving = sharers.filter(({ container }) => !this.#resting.has(container))
    return serving.length === 0 ? sharers : serving
  }

  #writeElements(
    firewall: Firewall,
    known: readonly KnownPort[],
    touched: ReadonlySet<string>,
  ): void {
    const keys = new Map(known.map((one) => [keyText(one), one]))
    const wanted = [...touched].flatMap((text) => {
      const key = keys.get(text)
      if (!key) return []
      return portElements(
        firewall.sets,
        key,
        this.#serving(known.filter((one) => keyText(one) === text)),
      )
    })
    for (const family of familiesOf(known.map(({ hostIp }) => hostIp))) firewall.ensureTable(family)
    const present = elementsOf(firewall.sets, firewall.ports(), touched)
    const removed = withoutElements(present, wanted)
    const added = withoutElements(wanted, present)
    firewall.change(removed, added)
    if (removed.length > 0 || added.length > 0) {
      forgetDatagrams([...touched].map((text) => keyOfText(text)))
    }
  }

  async #releaseUnused(): Promise<void> {
    const used = new Set(this.#known.map(keyText))
    for (const [key, { reservation, proxy }] of this.#held) {
      if (used.has(key)) continue
      this.#held.delete(key)
      if (proxy) await proxy.close()
      else releasePort(reservation)
    }
  }
}

/** Every address of the host, in the families that the container has, unless one is named. */
function hostIpsOf(
  { address, address6, service }: PortOwner & Addresses,
  { hostIp, target }: PortRequest,
): readonly string[] {
  if (hostIp === undefined || hostIp === '') {
    return [
      ...(address !== undefined || address6 === undefined ? [ANY_ADDRESS] : []),
      ...(address6 === undefined ? [] : [ANY_ADDRESS_V6]),
    ]
  }
  const family = familyOf(hostIp)
  const isFit = family === 6 ? address6 !== undefined : address !== undefined || !address6
  if (isFit) return [hostIp]
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot publish port ${target} of "${service}" on ${hostIp}: ` +
      `the container has no IPv${family} address; ${family === 6 ? 'set "enable_ipv6" of its network' : 'name an IPv6 address'}`,
  )
}

function knownPort(
  request: PublishRequest,
  chosen: {
    readonly key: PortKey
    readonly port: PortRequest
    readonly gateways: readonly string[]
  },
): KnownPort {
  const { key, port, gateways } = chosen
  const family: Family = familyOf(key.hostIp)
  const address = (family === 4 ? request.address : request.address6) ?? ''
  const gateway = gateways.find((one) => familyOf(one) === family) ?? address
  const { container, stack } = request
  return { ...key, container, stack, address, target: port.target, gateway }
}

/** Says which container has the port, as well. */
function placeText(port: KnownPort): string {
  return `${keyText(port)} ${port.container}`
}

function placeOf({ address: host, target: port }: KnownPort): Place {
  return { host, port }
}

function keyOfText(text: string): PortKey {
  const [protocol, hostIp = '', published] = text.split(' ')
  return { protocol: protocol === 'udp' ? 'udp' : 'tcp', hostIp, published: Number(published) }
}

/** True when both cannot be had by different programs. */
function isSamePort(one: PortKey, other: PortKey): boolean {
  const isSameFamily = familyOf(one.hostIp) === familyOf(other.hostIp)
  return (
    one.protocol === other.protocol &&
    one.published === other.published &&
    isSameFamily &&
    (one.hostIp === other.hostIp || isEveryAddress(one.hostIp) || isEveryAddress(other.hostIp))
  )
}

function holderText([first]: readonly KnownPort[], { stack }: PortOwner): string {
  if (!first) return 'another container'
  const isElsewhere = first.stack !== undefined && first.stack !== stack
  return `container "${first.container}"${isElsewhere ? ` of stack "${first.stack}"` : ''}`
}

function isAnswerTo(held: KnownPort, port: PortRequest): boolean {
  const { first, last } = port.published ?? { first: 1, last: 65_535 }
  return (
    held.protocol === port.protocol &&
    held.target === port.target &&
    (port.hostIp ? held.hostIp === port.hostIp : isEveryAddress(held.hostIp)) &&
    first <= held.published &&
    held.published <= last
  )
}

/** True when `held` is a port that `port` might ask for: its holder leaves, so it will be free. */
function mayHold(held: KnownPort, { protocol, published }: PortRequest): boolean {
  return (
    published !== undefined &&
    held.protocol === protocol &&
    published.first <= held.published &&
    held.published <= published.last
  )
}

function withoutDoubles(ports: readonly PortRequest[]): readonly PortRequest[] {
  return [...new Map(ports.map((port) => [JSON.stringify(port), port])).values()]
}
