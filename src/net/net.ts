/** The parts of the room behind one interface, bound to the process's network namespace. */

import { EngineError, isErrno } from '../errors.ts'
import {
  NETLINK_ROUTE,
  NetlinkSocket,
  getLink,
  listAddresses,
  listLinks,
  parseAddresses,
  parseLinks,
  type InterfaceAddress,
  type Link,
} from '../linux/index.ts'
import { layCable, prepareNamespace, type Cable } from './attach.ts'
import { cableOf } from './cable.ts'
import { checkNetwork, ensureNetwork, listNetworks, readNetwork, removeLink } from './bridge.ts'
import { serveHostNames, type HostNames, type HostNamesServer } from './dns/host.ts'
import { NameRegistry } from './dns/names.ts'
import { serveDns } from './dns/serve.ts'
import type { DnsRequest, DnsServer } from './dns/types.ts'
import { setFaults } from './faults.ts'
import { Firewall, familiesOf } from './firewall/firewall.ts'
import { checkIpv6Filter, NO_NFTABLES, openFirewallSocket } from './firewall/open.ts'
import { RuleMemory } from './firewall/rule-memory.ts'
import { checkGuard, guardedPorts, guardPort, unguardPorts } from './firewall/spoofing.ts'
import {
  lookInside,
  missingInside,
  removeInside,
  restoreInside,
  setDefaultRoutes,
  type Wanted,
} from './inside.ts'
import { bridgeName, formatAlias, parseAlias, vethName, type Owner } from './interface-name.ts'
import { LinkRemoval } from './link-removal.ts'
import { supplyNamespaces } from './namespace-supply.ts'
import { Publisher } from './ports/publisher.ts'
import { explanation, sharedRequest } from './shared.ts'
import { familyOf } from './subnet.ts'
import type {
  AttachRequest,
  Attachment,
  AttachmentState,
  Net,
  NetCapabilities,
  NamespaceSupply,
  NetOptions,
  NetworkRequest,
  NetworkState,
  PublishRequest,
  PublishedPort,
} from './types.ts'

/** The networks of one state root, in the network namespace this thread is in now. */
export async function createNet(options: NetOptions): Promise<Net> {
  const { firewall, rootId } = options
  const socket = firewall === 'proxy' ? undefined : await openFirewallSocket(rootId)
  return new KernelNet(options, socket)
}

interface Looked {
  readonly link: Link
  readonly state: NetworkState
  /** On the clock of `performance.now`. */
  readonly at: number
}

/** Milliseconds for which a look at a network is taken for the truth. */
const LOOKED_MS_MAX = 100

class KernelNet implements Net {
  readonly names: NameRegistry = new NameRegistry()
  readonly #options: NetOptions
  readonly #route: NetlinkSocket
  /** Of its own: an answer may come while others ask. */
  readonly #cables: NetlinkSocket
  readonly #firewallSocket: NetlinkSocket | undefined
  readonly #firewall: Firewall | undefined
  readonly #publisher: Publisher
  readonly #guards = new RuleMemory()
  readonly #servers = new Set<DnsServer>()
  /** Names of the interfaces of networks that were used. */
  readonly #bridges = new Map<string, string>()
  /** What was just looked at: a stack's containers come in crowds. */
  readonly #looked = new Map<string, Looked>()
  readonly #removal = new LinkRemoval()

  constructor(options: NetOptions, firewallSocket: NetlinkSocket | undefined) {
    this.#options = options
    this.#route = new NetlinkSocket(NETLINK_ROUTE)
    this.#cables = new NetlinkSocket(NETLINK_ROUTE)
    this.#firewallSocket = firewallSocket
    this.#firewall = firewallSocket && new Firewall(firewallSocket, options.rootId)
    this.#publisher = new Publisher(this.#firewall, options.outside)
  }

  capabilities(): NetCapabilities {
    const nftables = this.#firewall !== undefined
    return { nftables, outbound: nftables, warnings: nftables ? [] : [NO_NFTABLES] }
  }

  createNetwork(request: NetworkRequest): NetworkState {
    this.#looked.delete(request.name)
    const network = ensureNetwork(this.#route, this.#options, request)
    try {
      this.#filter(network)
    } catch (error) {
      removeLink(this.#route, network.bridge)
      throw error
    }
    return network
  }

  checkNetwork(request: Parameters<Net['checkNetwork']>[0]): void {
    checkNetwork(this.#route, this.#options, request)
    this.#firewall?.checkVersion()
  }

  async removeNetwork(name: string): Promise<void> {
    const usual = bridgeName(this.#options.rootId, name)
    const own = this.#links((link, owner) => link.name === usual || owner?.network === name)
    const bridge = own.find(({ kind }) => kind === 'bridge')?.name ?? usual
    this.#bridges.delete(name)
    this.#looked.delete(name)
    await this.#removal.now(own)
    const others = this.#firewall?.bridges().filter((other) => other !== bridge) ?? []
    if (others.length > 0) this.#firewall?.removeBridge(bridge)
    else this.#firewall?.remove()
  }

  repair({ look = false }: { readonly look?: boolean } = {}): boolean {
    const firewall = this.#firewall
    if (!firewall) return false
    const before = firewall.changes
    firewall.isLooking = look
    try {
      this.#repair(firewall)
    } finally {
      firewall.isLooking = false
    }
    return firewall.changes > before
  }

  #repair(firewall: Firewall): void {
    const networks = this.listNetworks().filter(({ driver }) => driver.kind === 'bridge')
    for (const network of networks) firewall.addBridge(network)
    const present = new Set(networks.map(({ bridge }) => bridge))
    for (const bridge of firewall.bridges()) {
      if (!present.has(bridge)) firewall.removeBridge(bridge)
    }
    this.#publisher.repair()
  }

  listNetworks(): readonly NetworkState[] {
    return listNetworks(this.#route, this.#options.rootId)
  }

  async attach(request: AttachRequest): Promise<Attachment> {
    const { container, network, netnsFd } = request
    const { link, state } = this.#network(network)
    const cable = cableOf(state, request)
    const { driver } = state
    const hostInterface = vethName(this.#options.rootId, { container, network })
    await this.#removal.gone(hostInterface)
    if (driver.kind === 'bridge') {
      const alias = formatAlias(this.#options.rootId, { kind: 'container', network, container })
      const { mtu, icc } = state
      const own = { hostInterface, alias, bridgeIndex: link.index, mtu, isolated: !icc }
      await layCable(this.#cables, { ...cable, outside: own })
      if (state.guarded) this.#guard(hostInterface, cable)
    } else {
      const own = { network, name: cable.interfaceName, netnsFd, mac: cable.mac, mtu: undefined }
      try {
        const create = sharedRequest(this.#route, driver, own)
        await layCable(this.#cables, { ...cable, outside: { create } })
      } catch (error) {
        throw explanation(network, driver.kind, error)
      }
    }
    return {
      hostInterface: driver.kind === 'bridge' ? hostInterface : '',
      interfaceName: cable.interfaceName,
      address: request.address ?? '',
      address6: request.address6 ?? '',
      mac: cable.mac,
    }
  }

  missingInside(requests: readonly AttachRequest[]): ReadonlyMap<string, readonly string[]> {
    const [first] = requests
    if (first === undefined) return new Map()
    const inside = lookInside(first.netnsFd)
    return new Map(
      requests.map((one) => [one.network, missingInside(inside, this.#wantedInside(one))]),
    )
  }

  restoreInside(request: AttachRequest): void {
    restoreInside(request.netnsFd, this.#wantedInside(request))
  }

  #wantedInside(request: AttachRequest): Wanted {
    const { state } = this.#network(request.network)
    const { interfaceName, addresses, gateways, mac } = cableOf(state, request)
    const isBridge = state.driver.kind === 'bridge'
    return { interfaceName, addresses, gateways, mac: isBridge ? mac : undefined }
  }

  guarded(): ReadonlySet<string> {
    const socket = this.#firewallSocket
    return socket ? guardedPorts(socket, this.#options.rootId, this.#guards) : new Set()
  }

  guard(request: AttachRequest): void {
    const { container, network } = request
    const hostInterface = vethName(this.#options.rootId, { container, network })
    this.#guard(hostInterface, cableOf(this.#network(network).state, request))
  }

  #guard(hostInterface: string, { mac, addresses }: Omit<Cable, 'outside'>): void {
    const socket = this.#firewallSocket
    if (!socket) return
    const own = addresses.map(({ address }) => address)
    this.#guards.forget(hostInterface)
    try {
      guardPort(socket, this.#options.rootId, { hostInterface, mac, addresses: own })
    } catch (error) {
      removeLink(this.#route, hostInterface)
      throw error
    }
  }

  #unguard(hostInterfaces: readonly string[]): void {
    const socket = this.#firewallSocket
    if (socket) unguardPorts(socket, this.#options.rootId, hostInterfaces)
  }

  prepareNamespace(netnsFd: number): void {
    prepareNamespace(netnsFd)
  }

  supplyNamespaces(count: number): NamespaceSupply | undefined {
    return supplyNamespaces(count, this.#firewall !== undefined)
  }

  setDefaultRoutes({ netnsFd, v4, v6 }: Parameters<Net['setDefaultRoutes']>[0]): void {
    const ways = ([v4, v6] as const).map((way, at) => {
      const gateways = way ? this.#network(way.network).state.gateways : []
      const gateway = gateways.find((one) => familyOf(one) === (at === 0 ? 4 : 6))
      return way && gateway !== undefined ? [{ gateway, interfaceName: way.interfaceName }] : []
    })
    setDefaultRoutes(netnsFd, ways.flat())
  }

  async detach(key: Parameters<Net['detach']>[0]): Promise<void> {
    if (key.netnsFd !== undefined && key.interfaceName !== undefined) {
      await removeInside(key.netnsFd, key.interfaceName)
      this.#unguard([vethName(this.#options.rootId, key)])
      return
    }
    const name = vethName(this.#options.rootId, key)
    await this.#removal.add([{ name }])
    this.#unguard([name])
  }

  listAttachments(): readonly AttachmentState[] {
    return parseLinks(this.#route.dump(listLinks())).flatMap((link) => {
      const owner = parseAlias(this.#options.rootId, link.alias)
      if (owner?.kind !== 'container') return []
      return [{ container: owner.container, network: owner.network, hostInterface: link.name }]
    })
  }

  async serveDns(request: DnsRequest, onFault: () => void = () => {}): Promise<DnsServer> {
    const server = await serveDns(request, {
      names: this.names,
      redirect: this.#firewall !== undefined,
      onFault,
    })
    this.#servers.add(server)
    return {
      ...server,
      close: async () => {
        this.#servers.delete(server)
        await server.close()
      },
    }
  }

  async serveHostNames(wish: HostNames): Promise<HostNamesServer> {
    return serveHostNames(wish, this.names)
  }

  checkPorts(request: Parameters<Net['checkPorts']>[0]): ReturnType<Net['checkPorts']> {
    return this.#publisher.check(request)
  }

  async publish(request: PublishRequest): Promise<readonly PublishedPort[]> {
    const { gateways } = this.#network(request.network).state
    return this.#publisher.publish(request, gateways)
  }

  unpublish(container: string): Promise<void> {
    return this.#publisher.unpublish(container)
  }

  setServing(container: string, isServing: boolean): void {
    this.#publisher.setServing(container, isServing)
  }

  listPublished(): ReturnType<Net['listPublished']> {
    return this.#publisher.published()
  }

  setFaults({ netnsFd, ...request }: Parameters<Net['setFaults']>[0]): void {
    setFaults(netnsFd, this.#route, request)
  }

  async settled(): Promise<void> {
    await this.#removal.settled()
  }

  async removeAll(): Promise<void> {
    await this.#release()
    this.#firewall?.remove()
    await this.#removal.now(this.#links((_, owner) => owner !== undefined))
  }

  async close(): Promise<void> {
    await this.#release()
    this.#route.close()
    this.#cables.close()
    this.#firewallSocket?.close()
  }

  #links(isChosen: (link: Link, owner: Owner | undefined) => boolean): readonly Link[] {
    const isMeant = (link: Link): boolean =>
      isChosen(link, parseAlias(this.#options.rootId, link.alias))
    return parseLinks(this.#route.dump(listLinks())).filter(isMeant)
  }

  async #release(): Promise<void> {
    await this.settled()
    await Promise.all([...this.#servers].map((server) => server.close()))
    this.#servers.clear()
    await this.#publisher.close()
  }

  /** Rules for a bridge; an interface of the machine has those of the machine. */
  #filter(network: NetworkState): void {
    const firewall = this.#firewall
    if (!firewall && network.guarded) checkGuard(undefined, network.name)
    if (!firewall || network.driver.kind !== 'bridge') return
    const families = familiesOf(network.subnets)
    if (families.includes(6)) checkIpv6Filter(this.#firewallSocket, network.name)
    if (network.guarded) checkGuard(this.#firewallSocket, network.name)
    // Each is made, also after one that is new.
    if (families.filter((family) => firewall.ensureTable(family)).length > 0) this.repair()
    firewall.addBridge(network)
  }

  /** The network `name` by its interface, whose name is remembered. */
  #network(name: string): Looked {
    const before = this.#looked.get(name)
    if (before && performance.now() - before.at < LOOKED_MS_MAX) return before
    const { rootId } = this.#options
    const known = this.#bridges.get(name) ?? bridgeName(rootId, name)
    const link = this.#link(known) ?? this.#search(name)
    if (!link) throw noNetwork(name)
    const state = readNetwork(rootId, link, this.#addressesOf(link))
    if (state?.name !== name) throw noNetwork(name)
    this.#bridges.set(name, link.name)
    const looked = { link, state, at: performance.now() }
    this.#looked.set(name, looked)
    return looked
  }

  #search(name: string): Link | undefined {
    const bridge = this.listNetworks().find((one) => one.name === name)?.bridge
    return bridge === undefined ? undefined : this.#link(bridge)
  }

  #link(name: string): Link | undefined {
    try {
      return parseLinks(this.#route.request([getLink({ name })]))[0]
    } catch (error) {
      if (isErrno(error, 'ENODEV')) return undefined
      throw error
    }
  }

  #addressesOf({ index }: Link): readonly InterfaceAddress[] {
    return parseAddresses(this.#route.dump(listAddresses(index)))
  }
}

function noNetwork(network: string): EngineError {
  return new EngineError('ACTION_FAILED', `Cannot use network "${network}": it does not exist`)
}
