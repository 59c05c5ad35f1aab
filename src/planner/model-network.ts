/** The data of networks: what they are, how containers are attached to them, what is published. */

export type NetworkMode =
  | { readonly kind: 'networks'; readonly attachments: readonly NetworkAttachment[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'host' }
  | { readonly kind: 'service'; readonly service: string }
  | { readonly kind: 'container'; readonly container: string }

export interface NetworkAttachment {
  /** `name` of a {@link NetworkSpec}. */
  readonly network: string
  /** Service name, container name and aliases, in that order, without duplicates. */
  readonly aliases: readonly string[]
  readonly ipv4Address?: string
  readonly ipv6Address?: string
  readonly macAddress?: string
  /** Further addresses, reached on the link alone. Absent: none. */
  readonly linkLocalAddresses?: readonly string[]
  /** Name inside the container; absent: `eth` and a number. */
  readonly interfaceName?: string
  /** Options of the endpoint, such as settings of its interface. */
  readonly driverOptions?: Readonly<Record<string, string>>
  readonly gatewayPriority: number
  readonly priority: number
}

/** What is wrong with a container's network on purpose, in each direction. */
export interface FaultSpec {
  readonly latencyMs?: number
  readonly lossPercent?: number
  readonly bitsPerSecond?: number
}

export interface PortSpec {
  readonly hostIp?: string
  /** Absent: a free port of the host is chosen. */
  readonly published?: { readonly first: number; readonly last: number }
  readonly target: number
  readonly protocol: 'tcp' | 'udp'
}

export interface NetworkSpec {
  /** Key in the stack file: `default`, `backend`. */
  readonly key: string
  /** Name on the machine: `<stack>_<key>`, or `name:`. */
  readonly name: string
  readonly external: boolean
  readonly internal: boolean
  readonly driver: string
  readonly driverOptions: Readonly<Record<string, string>>
  /** False: IPv6 alone. Absent: true. */
  readonly ipv4?: boolean
  readonly ipv6: boolean
  /** Empty: a subnet of the pool that avoids every route present. */
  readonly subnets: readonly {
    readonly subnet: string
    readonly gateway?: string
    readonly range?: string
    /** Given out to nobody. Absent: none. */
    readonly auxiliary?: readonly string[]
  }[]
  readonly labels: Readonly<Record<string, string>>
}
