/** The table of one state root in the kernel: made when first needed, changed in batches, removed when empty. */

import { NETLINK_NETFILTER, NetlinkSocket, nft } from '../../linux/index.ts'
import { isErrno } from '../attach.ts'
import { readSysctl, writeSysctl } from '../sysctl.ts'
import {
  GUARD_CHAIN,
  RULES_COUNT,
  guardRequests,
  rulesetRequests,
  rulesetVersion,
  setsOf,
  tableName,
  type Sets,
} from './ruleset.ts'

const IP_FORWARD = 'ipv4/ip_forward'
const TABLE_PREFIX = tableName('')

/** An element together with its set. */
export interface Placed {
  readonly set: nft.SetDefinition
  readonly element: nft.SetElement
}

export class Firewall {
  readonly sets: Sets
  readonly #socket: NetlinkSocket
  readonly #table: string

  constructor(socket: NetlinkSocket, rootId: string) {
    this.#socket = socket
    this.#table = tableName(rootId)
    this.sets = setsOf(this.#table)
  }

  /** Lets the containers of a bridge out (unless internal), and nobody in who is not published to. */
  addBridge(bridge: string, options: { readonly internal: boolean }): void {
    this.ensureTable()
    this.change([], bridgeElements(this.sets, bridge, options.internal))
    if (!options.internal) this.#enableForwarding()
  }

  removeBridge(bridge: string): void {
    if (!this.#exists()) return
    const present = this.#placed([this.sets.bridges, this.sets.pairs, this.sets.internal])
    this.change(
      present.filter(({ element }) => element.key[0] === bridge),
      [],
    )
  }

  /** Removes and adds elements in one transaction. What is to be removed has to be there. */
  change(removed: readonly Placed[], added: readonly Placed[]): void {
    const requests = [
      ...removed.map(({ set, element }) => nft.deleteElements(set, [element])),
      ...added.map(({ set, element }) => nft.addElements(set, [element])),
    ]
    if (requests.length > 0) nft.commitBatch(this.#socket, requests)
  }

  /** The elements of the four port maps. */
  ports(): readonly Placed[] {
    const { anyPorts, addressPorts, anyLoopback, addressLoopback } = this.sets
    return this.#exists()
      ? this.#placed([anyPorts, addressPorts, anyLoopback, addressLoopback])
      : []
  }

  /** Makes the table when it is missing, was changed by hand or was made by another version. */
  ensureTable(): void {
    const version = rulesetVersion()
    const present = this.#tables().find(({ name }) => name === this.#table)
    if (present?.comment === version && this.#countRules() === RULES_COUNT) return
    const kept = present ? this.#placed(Object.values(this.sets)) : []
    const isGuarded = this.#guardedTables().includes(this.#table)
    nft.commitBatch(this.#socket, [
      ...(present ? [nft.deleteTable(this.#table)] : []),
      nft.addTable(this.#table, version),
      ...rulesetRequests(this.#table),
      ...(isGuarded ? guardRequests(this.#table) : []),
      ...kept.map(({ set, element }) => nft.addElements(set, [element])),
    ])
  }

  /** Removes the table with all it holds, and gives back what we changed of the machine. */
  remove(): void {
    if (!this.#exists()) return
    const guarded = this.#guardedTables()
    if (guarded.length === 1 && guarded[0] === this.#table) writeSysctl(IP_FORWARD, '0')
    nft.commitBatch(this.#socket, [nft.deleteTable(this.#table)])
  }

  /**
   * Makes the machine a router when it is none. The guard chain is the mark of having done so, for us and for
   * other state roots: the last table that carries it switches routing off again.
   */
  #enableForwarding(): void {
    const isRouter = readSysctl(IP_FORWARD) !== '0'
    const guarded = this.#guardedTables()
    if (guarded.includes(this.#table) ? isRouter : isRouter && guarded.length === 0) return
    if (!guarded.includes(this.#table)) nft.commitBatch(this.#socket, guardRequests(this.#table))
    writeSysctl(IP_FORWARD, '1')
  }

  #exists(): boolean {
    return this.#tables().some(({ name }) => name === this.#table)
  }

  #tables(): readonly nft.Table[] {
    return nft.parseTables(this.#socket.dump(nft.listTables()))
  }

  #countRules(): number {
    const rules = nft.parseRules(this.#socket.dump(nft.listRules(this.#table)))
    return rules.filter(({ chain }) => chain !== GUARD_CHAIN).length
  }

  #guardedTables(): readonly string[] {
    return nft
      .parseChains(this.#socket.dump(nft.listChains()))
      .filter(({ table, name }) => name === GUARD_CHAIN && table.startsWith(TABLE_PREFIX))
      .map(({ table }) => table)
  }

  #placed(sets: readonly nft.SetDefinition[]): readonly Placed[] {
    return sets.flatMap((set) => this.#elements(set).map((element) => ({ set, element })))
  }

  #elements(set: nft.SetDefinition): readonly nft.SetElement[] {
    try {
      return nft.parseElements(set, this.#socket.dump(nft.listElements(set)))
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [] // an older version had no such set
      throw error
    }
  }
}

/** A socket to nf_tables, or undefined when this kernel has none. */
export function openFirewallSocket(): NetlinkSocket | undefined {
  let socket: NetlinkSocket | undefined
  try {
    socket = new NetlinkSocket(NETLINK_NETFILTER)
    socket.dump(nft.listTables())
    return socket
  } catch {
    socket?.close()
    return undefined
  }
}

function bridgeElements(sets: Sets, bridge: string, internal: boolean): readonly Placed[] {
  return [
    { set: sets.bridges, element: { key: [bridge] } },
    { set: sets.pairs, element: { key: [bridge, bridge] } },
    ...(internal ? [{ set: sets.internal, element: { key: [bridge] } }] : []),
  ]
}
