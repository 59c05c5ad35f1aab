/**
 * What the network room offers: networks, attachments, names, DNS, published ports. Data in, data
 * out.
 */

import type { EngineError } from '../errors.ts'
import type { HostNames, HostNamesServer } from './dns/host.ts'
import type { DnsServer, DnsRequest, OpenSockets } from './dns/types.ts'
import type { NameRegistry } from './dns/names.ts'

export interface NetOptions {
  /** Names the state root in every kernel object, so that two on one machine never meet. */
  readonly rootId: string
  /** `proxy` does without nf_tables even where the kernel has it. Default: `auto`. */
  readonly firewall?: 'auto' | 'proxy'
  /** The process through which ports are published in the namespace that a user's tsstack left. */
  readonly outside?: number | undefined
  /** Where subnets are taken from when none is asked for. Default: {@link SUBNET_POOLS}. */
  readonly pools?: readonly string[]
}

/**
 * The networks of one state root in the network namespace the process runs in.
 * Every call looks at the kernel, so a new process carries on where a dead one stopped;
 * every call can be repeated; removing what is gone is success.
 */
export interface Net {
  readonly names: NameRegistry
  capabilities(): NetCapabilities
  /**
   * Makes the network, or returns it as it is. Throws SUBNET_CLASH when a wanted subnet is taken.
   */
  createNetwork(request: NetworkRequest): NetworkState
  /**
   * Throws what {@link createNetwork} would for its addresses and interfaces; changes nothing.
   * `removed`: networks that will be gone by then.
   */
  checkNetwork(request: NetworkRequest & { readonly removed?: readonly string[] }): void
  /** Removes the network and cuts off what is attached to it. Resolves when none of it is seen. */
  removeNetwork(name: string): Promise<void>
  /**
   * Puts right what somebody removed from the firewall, as far as this process knows what was
   * there, and removes what is left there of bridges that are gone. True when there was anything.
   * `look`: changes nothing, only tells.
   */
  repair(options?: { readonly look?: boolean }): boolean
  /** What the kernel has, read back from the aliases of the bridges. */
  listNetworks(): readonly NetworkState[]
  /**
   * What a new namespace needs once, attached or not: `lo` up, ports below 1024 and ping for
   * everybody, no router advertisements. Before {@link attach} and {@link serveDns}.
   */
  prepareNamespace(netnsFd: number): void
  /**
   * As many new ones, {@link prepareNamespace} done and {@link serveDns} prepared, made by another
   * process; undefined where that cannot be.
   */
  supplyNamespaces(count: number): NamespaceSupply | undefined
  /** Connects a network namespace to a network. Replaces an attachment of the same name. */
  attach(request: AttachRequest): Promise<Attachment>
  /**
   * Takes the cable away; gone is success. Soon, unless somebody waits ({@link attach} of the
   * same, {@link removeNetwork}, {@link settled}): the kernel takes as long for one as for a
   * hundred.
   */
  detach(key: {
    readonly container: string
    readonly network: string
    /** Of a container that goes on running: where the interface is, and what it is called there. */
    readonly netnsFd?: number | undefined
    readonly interfaceName?: string | undefined
  }): Promise<void>
  /** Resolves when nothing is left of what was to be detached. */
  settled(): Promise<void>
  /** Leads what is for elsewhere through these networks; of a family that is absent, nowhere. */
  setDefaultRoutes(request: {
    readonly netnsFd: number
    readonly v4: Outward | undefined
    readonly v6: Outward | undefined
  }): void
  listAttachments(): readonly AttachmentState[]
  /**
   * What somebody has taken out of one container's namespace, in words, by network: addresses,
   * default routes, the interface itself. Empty lists: nothing.
   */
  missingInside(requests: readonly AttachRequest[]): ReadonlyMap<string, readonly string[]>
  /** Puts that back, but for an interface that is gone: {@link attach} lays that. */
  restoreInside(request: AttachRequest): void
  /** Host ends of cables that are guarded against forged addresses, by rules that are whole. */
  guarded(): ReadonlySet<string>
  /** Guards the cable of an attachment to a guarded network again. */
  guard(request: AttachRequest): void
  /**
   * Answers at 127.0.0.11 port 53 inside the namespace
   * until closed; replaces a server that died. `onFault`: one of its sockets has failed, perhaps
   * for good.
   */
  serveDns(request: DnsRequest, onFault?: () => void): Promise<DnsServer>
  /**
   * Answers names of every stack for programs of the host, until closed. Throws when the address
   * cannot be had.
   */
  serveHostNames(wish: HostNames): Promise<HostNamesServer>
  /**
   * Those of `ports` that could not be published, and why: PORT_IN_USE for one that a program or
   * another container has. Changes nothing. Ports of `container` itself are not in the way.
   */
  checkPorts(
    request: PortOwner & {
      readonly ports: readonly PortRequest[]
      /** Of the container, or any one of each family that it will have. */
      readonly address?: string | undefined
      readonly address6?: string | undefined
      /** Containers that will have given up theirs by then. */
      readonly leaving?: readonly string[]
    },
  ): readonly RefusedPort[]
  /**
   * Publishes exactly these ports of the container; all or none. A port that another container of
   * the same stack has is shared: connections go to them in turns. Throws PORT_IN_USE.
   */
  publish(request: PublishRequest): Promise<readonly PublishedPort[]>
  unpublish(container: string): Promise<void>
  /**
   * False: new clients of a shared port are led to the others, as long as there are any that serve.
   * Holds for what the container publishes now and later; before the first call: true.
   */
  setServing(container: string, isServing: boolean): void
  /** What the kernel (or the proxy) has published for this state root. */
  listPublished(): readonly (PublishedPort & { readonly container: string })[]
  /** Makes these all the faults of a container that has these interfaces; none: mends it. */
  setFaults(
    request: Faults & { readonly netnsFd: number; readonly hostInterfaces: readonly string[] },
  ): void
  /** Removes every link, rule and address of this state root, whoever made them. */
  removeAll(): Promise<void>
  /** Gives up sockets. Networks and published ports of the kernel stay. */
  close(): Promise<void>
}

/** A network by which a container gets out, and its interface there. */
export interface Outward {
  readonly network: string
  readonly interfaceName: string
}

/** A network namespace for a container, with {@link DnsRequest.sockets} in it if they are open. */
export interface ReadyNamespace {
  readonly fd: number
  readonly sockets?: OpenSockets
}

/** Namespaces that become ready while this thread goes on. */
export interface NamespaceSupply {
  /** The pid of the process that makes them, to be reaped; rejects when there can be none. */
  readonly started: Promise<number>
  /** One that is ready. Never waits. */
  take(): ReadyNamespace | undefined
  /** Those that were not taken go. */
  close(): void
}

export interface NetCapabilities {
  /** False: published ports go through a proxy that lives as long as this process. */
  readonly nftables: boolean
  /**
   * False: containers cannot reach anything outside their networks, because nothing masquerades.
   */
  readonly outbound: boolean
  /** What the user should be told, one sentence each; empty when all is well. */
  readonly warnings: readonly string[]
}

export interface NetworkRequest {
  /** Unique in the state root: `shop_default`. */
  readonly name: string
  readonly stack: string
  /** No way out of the network, and no way in but from the host. */
  readonly internal: boolean
  /**
   * Of either family, several of them too. A family of which there is none gets one of the pool.
   */
  readonly subnets?: readonly { readonly subnet: string; readonly gateway?: string | undefined }[]
  /** Which families the network has; default: IPv4 alone. */
  readonly ipv4?: boolean | undefined
  readonly ipv6?: boolean | undefined
  /** Subnets of networks that are not up now but will be: not to be chosen from the pool. */
  readonly taken?: readonly string[]
  /** Containers that will be connected: a subnet of the pool has room for them. Default: few. */
  readonly endpoints?: number
  /** Bytes; default: the kernel's 1500. */
  readonly mtu?: number | undefined
  /** Name of the bridge; default: one of ours. */
  readonly bridge?: string | undefined
  /** False: containers of the network do not reach each other. Default true. */
  readonly icc?: boolean | undefined
  /** False: what leaves keeps the container's address. Default true. */
  readonly masquerade?: boolean | undefined
  /** True: containers can send under their own addresses only. Default false. */
  readonly guarded?: boolean | undefined
  /** Default: a bridge. */
  readonly driver?: NetworkDriver | undefined
}

export type MacvlanMode = 'bridge' | 'private' | 'vepa' | 'passthru'
export type IpvlanMode = 'l2' | 'l3' | 'l3s'
export type IpvlanFlag = 'bridge' | 'private' | 'vepa'

/**
 * How the containers of a network are connected: by a bridge of their own, or each directly to an
 * interface of the machine (`eth0`, or `eth0.10`, which is made when it is not there).
 */
export type NetworkDriver =
  | { readonly kind: 'bridge' }
  | { readonly kind: 'macvlan'; readonly parent: string; readonly mode: MacvlanMode }
  | {
      readonly kind: 'ipvlan'
      readonly parent: string
      readonly mode: IpvlanMode
      readonly flag: IpvlanFlag
    }

export interface NetworkState {
  readonly name: string
  readonly stack: string
  readonly internal: boolean
  readonly icc: boolean
  readonly masquerade: boolean
  readonly guarded: boolean
  readonly driver: NetworkDriver
  /** Interface name, at most 15 bytes. Of a network that is no bridge it only carries the name. */
  readonly bridge: string
  /** `10.89.0.0/24`, `fd00::/64`: IPv4 first. */
  readonly subnets: readonly string[]
  /** One of each subnet, in the same order. */
  readonly gateways: readonly string[]
  readonly mtu: number
}

export interface AttachRequest {
  readonly netnsFd: number
  readonly container: string
  readonly network: string
  /** Name inside the container; default `eth0`. */
  readonly interfaceName?: string | undefined
  /** IPv4; absent in a network without. */
  readonly address?: string | undefined
  readonly address6?: string | undefined
  /** Further addresses, reached on the link alone: `169.254.7.1`, `fe80::7`. */
  readonly linkLocalAddresses?: readonly string[] | undefined
  /** True where others are attached meanwhile: the kernel's work is waited for on a thread. */
  readonly beside?: boolean | undefined
  /** Default: derived from the address, the same for every attempt. */
  readonly mac?: string | undefined
  /** Settings below /proc/sys/net, with IFNAME for the interface: `ipv4.conf.IFNAME.arp_notify`. */
  readonly sysctls?: Readonly<Record<string, string>> | undefined
  /**
   * True on one attachment of a container: its default route goes there (never for an internal
   * network). The two families may take different ways.
   */
  readonly defaultRoute: boolean
  /** Default: as `defaultRoute`. */
  readonly defaultRoute6?: boolean | undefined
}

export interface Attachment {
  /** Name of the veth end on the host, at most 15 bytes; '' where there is none. */
  readonly hostInterface: string
  readonly interfaceName: string
  readonly address: string
  readonly address6: string
  readonly mac: string
}

export interface AttachmentState {
  readonly container: string
  readonly network: string
  readonly hostInterface: string
}

/** What is wrong with a container's connections. */
export interface Faults {
  /** Of each packet, there and back. */
  readonly latencyMs?: number | undefined
  /** Of all packets that arrive; 0 to 100. */
  readonly lossPercent?: number | undefined
  /** At most, in each direction. */
  readonly bytesPerSecond?: number | undefined
  /** Addresses from and to which nothing comes. */
  readonly cutOff?: readonly string[] | undefined
}

export interface PortOwner {
  readonly container: string
  /** For messages: `web`. */
  readonly service: string
  /** Containers of one stack may share a port; absent: of none. */
  readonly stack?: string | undefined
}

export interface PortRequest {
  readonly protocol: 'tcp' | 'udp'
  /** Default: every address of the host, loopback included, in the container's families. */
  readonly hostIp?: string | undefined
  /** A free one of the range; absent: any free port. */
  readonly published?: { readonly first: number; readonly last: number } | undefined
  readonly target: number
}

/** `port` is the very object that was asked about. */
export interface RefusedPort {
  readonly port: PortRequest
  readonly error: EngineError
}

export interface PublishRequest extends PortOwner {
  /** The network by which the container is reached, and its addresses there. */
  readonly network: string
  readonly address?: string | undefined
  readonly address6?: string | undefined
  readonly ports: readonly PortRequest[]
}

export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp'
  readonly hostIp: string
  readonly published: number
  readonly target: number
}
