/**
 * The table of one state root in the kernel: made when first needed, changed in batches, removed
 * when empty.
 */

import { KernelError } from '../../errors.ts'
import { NETLINK_NETFILTER, NetlinkSocket, nft } from '../../linux/index.ts'
import { isErrno } from '../attach.ts'
import { addressNumber, formatNumber, parseSubnet } from '../subnet.ts'
import { readSysctl, writeSysctl } from '../sysctl.ts'
import {
  GUARD_CHAIN,
  describeRuleset,
  guardRequests,
  probeRequests,
  rulesetRequests,
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

export interface FilteredNetwork {
  readonly bridge: string
  readonly subnets: readonly string[]
  readonly internal: boolean
}

export class Firewall {
  readonly sets: Sets
  readonly #socket: NetlinkSocket
  readonly #table: string
  /** Remembered in case somebody flushes all rules, and our mark with them. */
  #madeRouter = false

  constructor(socket: NetlinkSocket, rootId: string) {
    this.#socket = socket
    this.#table = tableName(rootId)
    this.sets = setsOf(this.#table)
  }

  /**
   * Lets the containers of a bridge out (unless internal), and nobody in who is not published to.
   */
  addBridge(network: FilteredNetwork): void {
    this.ensureTable()
    const wanted = networkElements(this.sets, network)
    const present = this.#ofBridge(network.bridge)
    this.change(withoutElements(present, wanted), withoutElements(wanted, present))
    if (!network.internal) this.#enableForwarding()
  }

  /** Names of the bridges it knows. */
  bridges(): readonly string[] {
    if (!this.#exists()) return []
    return this.#placed([this.sets.bridges]).map(({ element }) => String(element.key[0]))
  }

  removeBridge(bridge: string): void {
    if (this.#exists()) this.change(this.#ofBridge(bridge), [])
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

  /**
   * Makes the table when it is missing, was changed by hand or was made by another version.
   * True when it was missing: then it knows no network and no port.
   */
  ensureTable(): boolean {
    const { version, rules } = describeRuleset()
    const present = this.#tables().find(({ name }) => name === this.#table)
    if (this.#guardedTables().includes(this.#table)) this.#madeRouter = true
    if (present?.comment === version && this.#countRules() === rules) return false
    const kept = present ? this.#placed(Object.values(this.sets)) : []
    nft.commitBatch(this.#socket, [
      ...(present ? [nft.deleteTable(this.#table)] : []),
      nft.addTable(this.#table, version),
      ...rulesetRequests(this.#table),
      ...(this.#madeRouter ? guardRequests(this.#table) : []),
      ...kept.map(({ set, element }) => nft.addElements(set, [element])),
    ])
    return present === undefined
  }

  /** Removes the table with all it holds, and gives back what we changed of the machine. */
  remove(): void {
    if (!this.#exists()) return
    const guarded = this.#guardedTables()
    if (guarded.length === 1 && guarded[0] === this.#table) writeSysctl(IP_FORWARD, '0')
    nft.commitBatch(this.#socket, [nft.deleteTable(this.#table)])
    this.#madeRouter = false
  }

  /**
   * Makes the machine a router when it is none. The guard chain is the mark of having done so,
   * for us and for other state roots: the last table that carries it switches routing off again.
   */
  #enableForwarding(): void {
    const isRouter = readSysctl(IP_FORWARD) !== '0'
    const guarded = this.#guardedTables()
    const isOurDoing = !isRouter || guarded.length > 0 || this.#madeRouter
    if (isOurDoing && !guarded.includes(this.#table)) {
      nft.commitBatch(this.#socket, guardRequests(this.#table))
    }
    this.#madeRouter = isOurDoing
    if (!isRouter) writeSysctl(IP_FORWARD, '1')
  }

  #ofBridge(bridge: string): readonly Placed[] {
    const { bridges, pairs, subnets, internal } = this.sets
    const isOurs = ({ element }: Placed): boolean => element.comment === bridge
    const boundaries = this.#placed([subnets])
    const starts = boundaries.filter(isOurs)
    const ends = starts.flatMap((start) => endOf(start, boundaries) ?? [])
    return [...this.#placed([bridges, pairs, internal]).filter(isOurs), ...starts, ...ends]
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

/** A socket to nf_tables, or undefined when this kernel cannot do what the ruleset needs. */
export function openFirewallSocket(rootId: string): NetlinkSocket | undefined {
  let socket: NetlinkSocket | undefined
  try {
    socket = new NetlinkSocket(NETLINK_NETFILTER)
    const table = tableName(rootId)
    const tables = nft.parseTables(socket.dump(nft.listTables()))
    if (tables.some(({ name }) => name === table)) return socket
    // A kernel may have nf_tables without the family ip, or without one of its modules.
    if (!nft.tryBatch(socket, probeRequests('tsstack_probe'))) return socket
    socket.close()
    return undefined
  } catch (error) {
    socket?.close()
    if (!(error instanceof KernelError)) throw error
    return undefined
  }
}

/** Those of `elements` that are not among `others`. */
export function withoutElements(
  elements: readonly Placed[],
  others: readonly Placed[],
): readonly Placed[] {
  const ids = new Set(others.map(elementId))
  return elements.filter((one) => !ids.has(elementId(one)))
}

/** The end of the interval that begins with `start`: the next one, as intervals never overlap. */
function endOf(start: Placed, boundaries: readonly Placed[]): Placed | undefined {
  const place = ({ element }: Placed): number => addressNumber(String(element.key[0]))
  return boundaries
    .filter((one) => one.element.end === true && place(one) > place(start))
    .sort((one, other) => place(one) - place(other))[0]
}

function elementId({ set, element }: Placed): string {
  const { key, data, end, comment } = element
  return JSON.stringify([set.name, key, data, end, comment])
}

/** The comment names the bridge, so that all of it is found again when the bridge is gone. */
function networkElements(sets: Sets, network: FilteredNetwork): readonly Placed[] {
  const { bridge, subnets, internal } = network
  const comment = bridge
  return [
    { set: sets.bridges, element: { key: [bridge], comment } },
    { set: sets.pairs, element: { key: [bridge, bridge], comment } },
    ...subnets.map(parseSubnet).flatMap(({ first, last }) => [
      { set: sets.subnets, element: { key: [formatNumber(first)], comment } },
      { set: sets.subnets, element: { key: [formatNumber(last + 1)], end: true } },
    ]),
    ...(internal ? [{ set: sets.internal, element: { key: [bridge], comment } }] : []),
  ]
}
