/** The names and addresses of containers by network: what stack names are answered from. */

/** One container on one network. */
export interface NameEntry {
  readonly network: string
  readonly container: string
  /**
   * Its names are never forwarded for any container of the same stack, whatever network that is
   * on.
   */
  readonly stack: string
  /** Container name first (the answer to a reverse question), then service name and aliases. */
  readonly names: readonly string[]
  /**
   * IPv4 and IPv6. Both absent: the names are known, so never forwarded, but nothing runs there.
   */
  readonly address?: string | undefined
  readonly address6?: string | undefined
  /**
   * False: it runs but does not serve yet, or is unhealthy: named after the others. Default true.
   */
  readonly isReady?: boolean | undefined
}

export interface Lookup {
  /** Addresses of running containers that are ready; both empty: known, but none runs now. */
  readonly addresses: readonly string[]
  /** Of those that run but are not ready. */
  readonly others: readonly string[]
}

/**
 * Shared by all DNS servers of a process, so a change costs the same with two containers and with
 * two hundred.
 */
export class NameRegistry {
  /** Counts the changes: an answer of an earlier count may be wrong now. */
  changes = 0
  readonly #networks = new Map<string, Network>()
  /** How many entries of a stack have a name. */
  readonly #stackNames = new Map<string, Map<string, number>>()

  /** Adds or replaces what is known of `entry.container` on `entry.network`. */
  set(entry: NameEntry): void {
    this.delete(entry)
    this.changes += 1
    const network = this.#networks.get(entry.network) ?? { entries: new Map(), byName: new Map() }
    this.#networks.set(entry.network, network)
    network.entries.set(entry.container, entry)
    for (const name of new Set(entry.names.map(normalize))) {
      const holders = network.byName.get(name) ?? new Set()
      network.byName.set(name, holders.add(entry.container))
      this.#countStackName(entry.stack, name, 1)
    }
  }

  delete(key: Pick<NameEntry, 'network' | 'container'>): void {
    const network = this.#networks.get(key.network)
    const entry = network?.entries.get(key.container)
    if (!network || !entry) return
    this.changes += 1
    network.entries.delete(key.container)
    for (const name of new Set(entry.names.map(normalize))) {
      this.#countStackName(entry.stack, name, -1)
      const holders = network.byName.get(name)
      holders?.delete(key.container)
      if (holders?.size === 0) network.byName.delete(name)
    }
    if (network.entries.size === 0) this.#networks.delete(key.network)
  }

  /** What `name` means on `networks`, also as `name.network`; undefined: not a name of ours. */
  lookup(networks: readonly string[], name: string): Lookup | undefined {
    const wanted = normalize(name)
    const entries = networks.flatMap((network) => this.#entries(network, wanted))
    return entries.length === 0 ? undefined : lookupOf(entries)
  }

  hasStack(stack: string): boolean {
    return this.#stackNames.has(stack)
  }

  /** What `name` means on any network of `stack`; undefined: it is not a name of that stack. */
  lookupOfStack(stack: string, name: string): Lookup | undefined {
    if (!this.isNameOfStack(stack, name)) return undefined
    const wanted = normalize(name)
    const entries = [...this.#networks.keys()]
      .flatMap((network) => this.#entries(network, wanted))
      .filter((entry) => entry.stack === stack)
    return lookupOf(entries)
  }

  /** The container name and network of `address` on `networks`, as `web-1.shop_default`. */
  reverse(networks: readonly string[], address: string): string | undefined {
    for (const network of networks) {
      for (const entry of this.#networks.get(network)?.entries.values() ?? []) {
        if (entry.address === address || entry.address6 === address)
          return `${entry.names[0] ?? entry.container}.${network}`
      }
    }
    return undefined
  }

  /** True for every name of `stack`, also on networks that the asker cannot reach. */
  isNameOfStack(stack: string, name: string): boolean {
    return this.#stackNames.get(stack)?.has(normalize(name)) ?? false
  }

  #countStackName(stack: string, name: string, change: 1 | -1): void {
    const names = this.#stackNames.get(stack) ?? new Map<string, number>()
    const count = (names.get(name) ?? 0) + change
    if (count > 0) names.set(name, count)
    else names.delete(name)
    if (names.size > 0) this.#stackNames.set(stack, names)
    else this.#stackNames.delete(stack)
  }

  #entries(networkName: string, wanted: string): readonly NameEntry[] {
    const network = this.#networks.get(networkName)
    if (!network) return []
    const suffix = `.${normalize(networkName)}`
    const short = wanted.endsWith(suffix) ? wanted.slice(0, -suffix.length) : wanted
    const holders = network.byName.get(wanted) ?? network.byName.get(short) ?? []
    return [...holders].flatMap((container) => network.entries.get(container) ?? [])
  }
}

function lookupOf(entries: readonly NameEntry[]): Lookup {
  const addresses = addressesOf(entries.filter(({ isReady = true }) => isReady))
  const others = addressesOf(entries.filter(({ isReady = true }) => !isReady))
  return { addresses, others: others.filter((one) => !addresses.includes(one)) }
}

interface Network {
  readonly entries: Map<string, NameEntry>
  readonly byName: Map<string, Set<string>>
}

function addressesOf(entries: readonly NameEntry[]): readonly string[] {
  return [
    ...new Set(
      entries.flatMap(({ address, address6 }) =>
        [address, address6].filter((one) => one !== undefined),
      ),
    ),
  ]
}

function normalize(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
