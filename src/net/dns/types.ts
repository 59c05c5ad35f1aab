/** What a DNS server of a container is given and what its holder gets. */

export interface DnsRequest {
  readonly netnsFd: number
  /** Nobody has answered names in that namespace yet; default: perhaps. */
  readonly isNew?: boolean
  /** Open in that namespace, with questions led to them; default: the server opens its own. */
  readonly sockets?: OpenSockets | undefined
  readonly container: string
  readonly stack: string
  /** Networks whose names the container may look up, by {@link NameRegistry}. */
  readonly networks: readonly string[]
  /** Reverse questions about these are never forwarded: subnets of the stack's networks. */
  readonly subnets?: readonly string[] | undefined
  /**
   * Resolvers for everything else, asked from the supervisor's own namespace: `1.1.1.1`,
   * `10.0.0.2:5353`. Empty: nothing is forwarded (internal networks, or a host without
   * resolvers).
   */
  readonly upstreams: readonly string[]
  /** Names of this container's own for other names that it can look up. */
  readonly links?: readonly { readonly name: string; readonly target: string }[] | undefined
}

/** Of a server, by descriptor. */
export interface OpenSockets {
  readonly udp: { readonly fd: number; readonly port: number }
  readonly tcp: { readonly fd: number; readonly port: number }
}

export interface DnsServer {
  /** Address that belongs into the container's resolv.conf: 127.0.0.11. */
  readonly address: string
  /**
   * `redirect`: port 53 of 127.0.0.11 is redirected to a high port; `bound`: the server holds
   * port 53 itself.
   */
  readonly mode: 'redirect' | 'bound'
  /** What keeps it from answering, in words: somebody closed its sockets, or took its rules away. */
  fault(): 'sockets gone' | 'rules gone' | undefined
  /** Opens new sockets, and leads questions to them. */
  mend(): Promise<void>
  /** Changes what the container sees, from the next question on. */
  update(change: Partial<Pick<DnsRequest, 'networks' | 'subnets' | 'upstreams' | 'links'>>): void
  /** Closes the sockets. Rules inside the namespace go with the namespace. */
  close(): Promise<void>
}
