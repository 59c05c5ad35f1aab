/**
 * Puts the parts of the room together behind one interface, bound to the process's network
 * namespace.
 */

import { EngineError } from '../errors.ts'
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
import { isErrno, layCable, prepareNamespace, removeLinks } from './attach.ts'
import { ensureBridge, listBridges, removeBridge } from './bridge.ts'
import { NameRegistry } from './dns/names.ts'
import { serveDns } from './dns/serve.ts'
import type { DnsRequest, DnsServer } from './dns/types.ts'
import { Firewall, openFirewallSocket } from './firewall/firewall.ts'
import { bridgeName, formatAlias, parseAlias, vethName, type Owner } from './interface-name.ts'
import { macOf } from './lease.ts'
import { Publisher } from './ports/publisher.ts'
import type {
  AttachRequest,
  Attachment,
  AttachmentState,
  Net,
  NetCapabilities,
  NetOptions,
  NetworkRequest,
  NetworkState,
  PortOwner,
  PortRequest,
  PublishRequest,
  PublishedPort,
} from './types.ts'

const NO_NFTABLES =
  'This kernel offers no nf_tables: containers cannot reach anything outside their networks, ' +
  'and published ports go through a proxy that lives as long as the supervisor'

/** The networks of one state root, in the network namespace this thread is in now. */
export function createNet(options: NetOptions): Net {
  return new KernelNet(options)
}

class KernelNet implements Net {
  readonly names: NameRegistry = new NameRegistry()
  readonly #options: NetOptions
  readonly #route: NetlinkSocket
  readonly #firewallSocket: NetlinkSocket | undefined
  readonly #firewall: Firewall | undefined
  readonly #publisher: Publisher
  readonly #servers = new Set<DnsServer>()
  /** Cables to take away together: deleting one link takes the kernel some 10 ms, and so do all. */
  readonly #detached: { readonly name: string }[] = []
  #detaching: Promise<void> | undefined

  constructor(options: NetOptions) {
    this.#options = options
    this.#route = new NetlinkSocket(NETLINK_ROUTE)
    this.#firewallSocket =
      options.firewall === 'proxy' ? undefined : openFirewallSocket(options.rootId)
    this.#firewall = this.#firewallSocket && new Firewall(this.#firewallSocket, options.rootId)
    this.#publisher = new Publisher(this.#firewall)
  }

  capabilities(): NetCapabilities {
    const nftables = this.#firewall !== undefined
    return { nftables, outbound: nftables, warnings: nftables ? [] : [NO_NFTABLES] }
  }

  createNetwork(request: NetworkRequest): NetworkState {
    const network = ensureBridge(this.#route, this.#options, request)
    try {
      if (this.#firewall?.ensureTable() === true) this.repair()
      this.#firewall?.addBridge(network)
    } catch (error) {
      removeBridge(this.#route, network.bridge)
      throw error
    }
    return network
  }

  removeNetwork(name: string): void {
    const bridge = bridgeName(this.#options.rootId, name)
    this.#removeLinks((link, owner) => link.name === bridge || owner?.network === name)
    if (this.listNetworks().length > 0) this.#firewall?.removeBridge(bridge)
    else this.#firewall?.remove()
  }

  repair(): void {
    const networks = this.listNetworks()
    for (const network of networks) this.#firewall?.addBridge(network)
    const present = new Set(networks.map(({ bridge }) => bridge))
    for (const bridge of this.#firewall?.bridges() ?? []) {
      if (!present.has(bridge)) this.#firewall?.removeBridge(bridge)
    }
    this.#publisher.repair()
  }

  listNetworks(): readonly NetworkState[] {
    return listBridges(this.#route, this.#options.rootId)
  }

  attach(request: AttachRequest): Attachment {
    const { rootId } = this.#options
    const { container, network, address, netnsFd } = request
    const bridge = this.#bridge(network)
    const own = this.#addressOf(bridge)
    const owner = parseAlias(rootId, bridge.alias)
    const isInternal = owner?.kind === 'network' && owner.internal
    const cable = {
      netnsFd,
      hostInterface: vethName(rootId, { container, network }),
      alias: formatAlias(rootId, { kind: 'container', network, container }),
      bridgeIndex: bridge.index,
      mtu: bridge.mtu,
      interfaceName: request.interfaceName ?? 'eth0',
      mac: request.mac ?? macOf(address),
      address,
      prefixLength: own?.prefixLength ?? 24,
      gateway: request.defaultRoute && !isInternal ? own?.address : undefined,
    }
    layCable(this.#route, cable)
    const { hostInterface, interfaceName, prefixLength, mac } = cable
    return { hostInterface, interfaceName, address, prefixLength, mac }
  }

  prepareNamespace(netnsFd: number): void {
    prepareNamespace(netnsFd)
  }

  detach(key: { readonly container: string; readonly network: string }): Promise<void> {
    this.#detached.push({ name: vethName(this.#options.rootId, key) })
    this.#detaching ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        this.#detaching = undefined
        try {
          removeLinks(this.#route, this.#detached.splice(0))
          resolve()
        } catch (error) {
          reject(error)
        }
      })
    })
    return this.#detaching
  }

  listAttachments(): readonly AttachmentState[] {
    return parseLinks(this.#route.dump(listLinks())).flatMap((link) => {
      const owner = parseAlias(this.#options.rootId, link.alias)
      if (owner?.kind !== 'container') return []
      return [{ container: owner.container, network: owner.network, hostInterface: link.name }]
    })
  }

  async serveDns(request: DnsRequest): Promise<DnsServer> {
    const server = await serveDns(request, {
      names: this.names,
      redirect: this.#firewall !== undefined,
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

  checkPorts(request: PortOwner & { readonly ports: readonly PortRequest[] }): void {
    this.#publisher.check(request)
  }

  async publish(request: PublishRequest): Promise<readonly PublishedPort[]> {
    const gateway = this.#addressOf(this.#bridge(request.network))?.address
    if (gateway === undefined) throw noNetwork(request.network)
    return this.#publisher.publish(request, gateway)
  }

  unpublish(container: string): Promise<void> {
    return this.#publisher.unpublish(container)
  }

  listPublished(): readonly (PublishedPort & { readonly container: string })[] {
    return this.#publisher.list()
  }

  async removeAll(): Promise<void> {
    await this.#release()
    this.#firewall?.remove()
    this.#removeLinks((_, owner) => owner !== undefined)
  }

  async close(): Promise<void> {
    await this.#release()
    this.#route.close()
    this.#firewallSocket?.close()
  }

  #removeLinks(isChosen: (link: Link, owner: Owner | undefined) => boolean): void {
    const links = parseLinks(this.#route.dump(listLinks())).filter((link) =>
      isChosen(link, parseAlias(this.#options.rootId, link.alias)),
    )
    removeLinks(
      this.#route,
      links.map(({ index }) => ({ index })),
    )
  }

  async #release(): Promise<void> {
    await this.#detaching
    await Promise.all([...this.#servers].map((server) => server.close()))
    this.#servers.clear()
    await this.#publisher.close()
  }

  #addressOf({ index }: Link): InterfaceAddress | undefined {
    return parseAddresses(this.#route.dump(listAddresses(index))).find(
      ({ linkIndex, family }) => linkIndex === index && family === 4,
    )
  }

  #bridge(network: string): Link {
    const name = bridgeName(this.#options.rootId, network)
    try {
      const [link] = parseLinks(this.#route.request([getLink({ name })]))
      if (link) return link
    } catch (error) {
      if (!isErrno(error, 'ENODEV')) throw error
    }
    throw noNetwork(network)
  }
}

function noNetwork(network: string): EngineError {
  return new EngineError('ACTION_FAILED', `Cannot use network "${network}": it does not exist`)
}
