/**
 * The tables of one state root in the kernel, one for each family: made when first needed, changed
 * in batches that cover both, removed when empty.
 */

import { EngineError, isErrno } from '../../errors.ts'
import { nft, type NetlinkRequest, type NetlinkSocket } from '../../linux/index.ts'
import { addressNumber, formatNumber, isIpv4Subnet, parseSubnet, type Family } from '../subnet.ts'
import { addUserTable, joinOthers, leaveOthers, removeUserTable } from './others.ts'
import { disableRouting, enableRouting, isRouter } from './routing.ts'
import { GUARD_CHAIN, describeRuleset, guardRequests, isNewer, rulesetRequests } from './ruleset.ts'
import { RuleMemory } from './rule-memory.ts'
import { removeGuards } from './spoofing.ts'
import { portSets, setList, setsOf, tableName, type Sets } from './sets.ts'

const FAMILIES: readonly Family[] = [4, 6]

/** An element together with its set. */
export interface Placed {
  readonly set: nft.SetDefinition
  readonly element: nft.SetElement
}

export interface FilteredNetwork {
  readonly bridge: string
  /** Of either family. */
  readonly subnets: readonly string[]
  readonly internal: boolean
  /** False: what leaves keeps the container's address, as somebody else routes it back. */
  readonly masquerade: boolean
}

export class Firewall {
  /** Changes so far; while `isLooking` those that would have been made. */
  changes = 0
  /** Nothing is written: only counted. */
  isLooking = false
  readonly sets: Readonly<Record<Family, Sets>>
  readonly #socket: NetlinkSocket
  readonly #rootId: string
  readonly #memory = new RuleMemory()
  /** Remembered in case somebody flushes all rules, and our mark with them. */
  readonly #madeRouter = new Set<Family>()

  constructor(socket: NetlinkSocket, rootId: string) {
    this.#socket = socket
    this.#rootId = rootId
    this.sets = { 4: setsOf(tableName(rootId, 4)), 6: setsOf(tableName(rootId, 6)) }
  }

  /**
   * Lets the containers of a bridge out (unless internal), and nobody in who is not published to.
   */
  addBridge(network: FilteredNetwork): void {
    const families = familiesOf(network.subnets)
    for (const family of families) this.ensureTable(family)
    const wanted = families.flatMap((family) => networkElements(this.sets[family], network))
    const present = this.#ofBridge(network.bridge)
    this.change(withoutElements(present, wanted), withoutElements(wanted, present))
    if (network.internal) return
    this.#commit(joinOthers(this.#socket, this.#rootId, [network.bridge]))
    for (const family of families) this.#enableForwarding(family)
  }

  /** Names of the bridges it knows. */
  bridges(): readonly string[] {
    const sets = this.#present().map(({ bridges }) => bridges)
    return [...new Set(this.#placed(sets).map(({ element }) => String(element.key[0])))]
  }

  removeBridge(bridge: string): void {
    this.#commit(leaveOthers(this.#socket, this.#rootId, bridge))
    this.change(this.#ofBridge(bridge), [])
  }

  /** Removes and adds elements in one transaction. What is to be removed has to be there. */
  change(removed: readonly Placed[], added: readonly Placed[]): void {
    const requests = [
      ...grouped(removed).map(([set, elements]) => nft.deleteElements(set, elements)),
      ...grouped(added).map(([set, elements]) => nft.addElements(set, elements)),
    ]
    this.#commit(requests)
  }

  /** The elements of all port maps. */
  ports(): readonly Placed[] {
    return this.#placed(this.#present().flatMap(portSets))
  }

  /** Throws when a table of ours is of a newer version, whose rules would be lost by replacing it. */
  checkVersion(): void {
    const names = [this.sets[4].table, this.sets[6].table]
    for (const { name, comment } of this.#tables()) {
      if (!names.includes(name) || comment === undefined || !isNewer(comment)) continue
      throw new EngineError(
        'ACTION_FAILED',
        `Cannot use the nftables table "${name}": a newer tsstack has made it`,
        { hint: 'use that version, or take its stacks down with it first' },
      )
    }
  }

  /**
   * Makes the table when it is missing, was changed by hand or was made by another version.
   * True when it was missing: then it knows no network and no port.
   */
  ensureTable(family: Family): boolean {
    this.checkVersion()
    const { version, rules } = describeRuleset(family)
    const sets = this.sets[family]
    const { table } = sets
    const tables = this.#tables()
    const present = tables.find(({ name }) => name === table)
    if (this.#guardedTables(family).includes(table)) this.#madeRouter.add(family)
    const own = this.#rulesOf(table)
    const isWhole = own.length === rules && this.#memory.areKnown(table, own)
    if (present?.comment === version && isWhole) return false
    const kept = present ? this.#placed(setList(sets)) : []
    if (!this.isLooking) this.#memory.forget(table)
    this.#commit([
      ...addUserTable(tables, table),
      ...(present ? [nft.deleteTable(table)] : []),
      nft.addTable(table, version),
      ...rulesetRequests(table),
      ...(this.#madeRouter.has(family) ? guardRequests(table) : []),
      ...kept.map(({ set, element }) => nft.addElements(set, [element])),
    ])
    return present === undefined
  }

  /** Removes the tables with all they hold, and gives back what we changed of the machine. */
  remove(): void {
    for (const { table, family } of this.#present()) {
      const guarded = this.#guardedTables(family)
      if (guarded.length === 1 && guarded[0] === table) disableRouting(family)
      const users = removeUserTable(this.#socket, this.#tables(), table)
      this.#commit([nft.deleteTable(table), ...users])
    }
    this.#commit(leaveOthers(this.#socket, this.#rootId))
    this.#commit(removeGuards(this.#tables(), this.#rootId))
    this.#madeRouter.clear()
  }

  /**
   * Makes the machine a router when it is none. The guard chain is the mark of having done so,
   * for us and for other state roots: the last table that carries it switches routing off again.
   */
  #enableForwarding(family: Family): void {
    const { table } = this.sets[family]
    const wasRouter = isRouter(family)
    const guarded = this.#guardedTables(family)
    const isOurDoing = !wasRouter || guarded.length > 0 || this.#madeRouter.has(family)
    if (isOurDoing && !guarded.includes(table)) {
      this.#commit(guardRequests(table))
    }
    if (isOurDoing) this.#madeRouter.add(family)
    if (wasRouter) return
    this.changes += 1
    if (!this.isLooking) enableRouting(family)
  }

  #commit(requests: readonly NetlinkRequest[]): void {
    if (requests.length === 0) return
    this.changes += 1
    if (!this.isLooking) nft.commitBatch(this.#socket, requests)
  }

  #ofBridge(bridge: string): readonly Placed[] {
    const isOurs = ({ element }: Placed): boolean => element.comment === bridge
    return this.#present().flatMap((sets) => {
      const { bridges, pairs, subnets, internal, unmasked } = sets
      const boundaries = this.#placed([subnets])
      const starts = boundaries.filter(isOurs)
      const ends = starts.flatMap((start) => endOf(start, boundaries) ?? [])
      const rest = this.#placed([bridges, pairs, internal, unmasked])
      return [...rest.filter(isOurs), ...starts, ...ends]
    })
  }

  /** Sets of the tables that are there. */
  #present(): readonly Sets[] {
    const names = new Set(this.#tables().map(({ name }) => name))
    return FAMILIES.map((family) => this.sets[family]).filter(({ table }) => names.has(table))
  }

  #tables(): readonly nft.Table[] {
    return nft.parseTables(this.#socket.dump(nft.listTables()))
  }

  #rulesOf(table: string): readonly nft.Rule[] {
    const rules = nft.parseRules(this.#socket.dump(nft.listRules(table)))
    return rules.filter(({ chain }) => chain !== GUARD_CHAIN)
  }

  #guardedTables(family: Family): readonly string[] {
    const prefix = tableName('', family)
    return nft
      .parseChains(this.#socket.dump(nft.listChains()))
      .filter(({ table, name }) => name === GUARD_CHAIN && table.startsWith(prefix))
      .map(({ table }) => table)
  }

  #placed(sets: readonly nft.SetDefinition[]): readonly Placed[] {
    return sets.flatMap((set) => this.#elements(set).map((element) => ({ set, element })))
  }

  #elements(set: nft.SetDefinition): readonly nft.SetElement[] {
    try {
      const elements = nft.parseElements(set, this.#socket.dump(nft.listElements(set)))
      // A set that grows while it is read may come in part twice.
      return [...new Map(elements.map((one) => [keyOf(one), one])).values()]
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [] // an older version had no such set
      throw error
    }
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

/** Families that `subnets` have members of. */
export function familiesOf(subnets: readonly string[]): readonly Family[] {
  return FAMILIES.filter((family) => subnets.some((one) => isOf(family, one)))
}

function isOf(family: Family, subnet: string): boolean {
  return isIpv4Subnet(subnet) === (family === 4)
}

/** So many fit into one message, whose attributes are measured in 16 bits. */
const ELEMENTS_PER_MESSAGE = 200

function grouped(
  placed: readonly Placed[],
): readonly (readonly [nft.SetDefinition, readonly nft.SetElement[]])[] {
  const bySet = new Map<nft.SetDefinition, nft.SetElement[]>()
  for (const { set, element } of placed) bySet.set(set, [...(bySet.get(set) ?? []), element])
  return [...bySet].flatMap(([set, elements]) =>
    Array.from({ length: Math.ceil(elements.length / ELEMENTS_PER_MESSAGE) }, (_, at) => {
      const start = at * ELEMENTS_PER_MESSAGE
      return [set, elements.slice(start, start + ELEMENTS_PER_MESSAGE)] as const
    }),
  )
}

function keyOf({ key, end }: nft.SetElement): string {
  return JSON.stringify([key, end])
}

/** The end of the interval that begins with `start`: the next one, as intervals never overlap. */
function endOf(start: Placed, boundaries: readonly Placed[]): Placed | undefined {
  const place = ({ element }: Placed): bigint => addressNumber(String(element.key[0]))
  return boundaries
    .filter((one) => one.element.end === true && place(one) > place(start))
    .sort((one, other) => (place(one) < place(other) ? -1 : 1))[0]
}

function elementId({ set, element }: Placed): string {
  const { key, data, end, comment } = element
  return JSON.stringify([set.table, set.name, key, data, end, comment])
}

/** The comment names the bridge, so that all of it is found again when the bridge is gone. */
function networkElements(sets: Sets, network: FilteredNetwork): readonly Placed[] {
  const { bridge, subnets, internal, masquerade } = network
  const comment = bridge
  const { family } = sets
  return [
    { set: sets.bridges, element: { key: [bridge], comment } },
    { set: sets.pairs, element: { key: [bridge, bridge], comment } },
    ...subnets
      .filter((subnet) => isOf(family, subnet))
      .map(parseSubnet)
      .flatMap(({ first, last }) => [
        { set: sets.subnets, element: { key: [formatNumber(first, family)], comment } },
        { set: sets.subnets, element: { key: [formatNumber(last + 1n, family)], end: true } },
      ]),
    ...(internal ? [{ set: sets.internal, element: { key: [bridge], comment } }] : []),
    ...(masquerade ? [] : [{ set: sets.unmasked, element: { key: [bridge], comment } }]),
  ]
}
