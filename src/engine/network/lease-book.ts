/**
 * All addresses that are leased, in memory as on disk: a start asks for one address among hundreds,
 * and reads no file for it.
 */

import { canonicalAddress } from '../../net/index.ts'
import { STANDALONE } from '../paths.ts'
import { addLease, type Leases, readLeases, writeLeases } from '../records/network.ts'
import { stackNames } from '../records/stack.ts'
import type { Paths } from '../types.ts'

export interface Lease {
  readonly stack: string
  /** The network's name, with ` v6` behind it for addresses of IPv6. */
  readonly key: string
  readonly container: string
}

export class LeaseBook {
  readonly #paths: Paths
  /** By stack, key and container: addresses. */
  readonly #stacks = new Map<string, Map<string, Map<string, string>>>()
  /** By key and address in one form: who has it. */
  readonly #holders = new Map<string, Map<string, Lease>>()

  constructor(paths: Paths) {
    this.#paths = paths
    for (const stack of [STANDALONE, ...stackNames(paths)]) {
      for (const [key, known] of Object.entries(readLeases(paths, stack))) {
        for (const [container, address] of Object.entries(known)) {
          this.#keep({ stack, key, container }, address)
        }
      }
    }
  }

  addressOf({ stack, key, container }: Lease): string | undefined {
    return this.#stacks.get(stack)?.get(key)?.get(container)
  }

  /** Whether anybody else, of any stack, has it: networks may be shared. */
  isTaken({ stack, key, container }: Lease, address: string): boolean {
    const holder = this.#holders.get(key)?.get(canonicalAddress(address))
    return holder !== undefined && (holder.stack !== stack || holder.container !== container)
  }

  /** On disk first: what could not be written is not used. */
  set(lease: Lease, address: string): void {
    addLease(this.#paths, lease, address)
    this.#drop(lease)
    this.#keep(lease, address)
  }

  /** Forgets the addresses of `container` in `network`. */
  remove({ stack, network, container }: Omit<Lease, 'key'> & { readonly network: string }): void {
    for (const key of keysOf(network)) {
      const lease = { stack, key, container }
      if (this.addressOf(lease) === undefined) continue
      addLease(this.#paths, lease, undefined)
      this.#drop(lease)
    }
  }

  /** Forgets all of `network`, which is removed. */
  removeNetwork(stack: string, network: string): void {
    const known = this.#stacks.get(stack)
    for (const key of keysOf(network)) {
      for (const container of known?.get(key)?.keys() ?? []) this.#drop({ stack, key, container })
      known?.delete(key)
    }
    writeLeases(this.#paths, stack, this.#recordOf(stack))
  }

  /** The stack is no more, and neither are its files. */
  removeStack(stack: string): void {
    for (const [key, known] of this.#stacks.get(stack) ?? []) {
      for (const container of known.keys()) this.#drop({ stack, key, container })
    }
    this.#stacks.delete(stack)
  }

  #keep(lease: Lease, address: string): void {
    const { stack, key, container } = lease
    const keys = this.#stacks.get(stack) ?? new Map<string, Map<string, string>>()
    const known = keys.get(key) ?? new Map<string, string>()
    this.#stacks.set(stack, keys.set(key, known.set(container, address)))
    const holders = this.#holders.get(key) ?? new Map<string, Lease>()
    this.#holders.set(key, holders.set(canonicalAddress(address), lease))
  }

  #drop(lease: Lease): void {
    const { stack, key, container } = lease
    const address = this.addressOf(lease)
    if (address === undefined) return
    this.#stacks.get(stack)?.get(key)?.delete(container)
    this.#holders.get(key)?.delete(canonicalAddress(address))
  }

  #recordOf(stack: string): Leases {
    const keys = this.#stacks.get(stack) ?? []
    return Object.fromEntries([...keys].map(([key, known]) => [key, Object.fromEntries(known)]))
  }
}

const keysOf = (network: string): readonly string[] => [network, `${network} v6`]
