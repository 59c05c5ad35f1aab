/**
 * Beside other people's rules: what they drop our accept cannot bring back, so that we ask for it
 * in
 * the chains that they offer for this; and a chain of our own in which the user has the first word.
 */

import { nft, type NetlinkRequest, type NetlinkSocket } from '../../linux/index.ts'
import { BRIDGE_PREFIX } from '../interface-name.ts'

/**
 * Docker and ufw drop what is forwarded and not their own, and consult these chains before. Both
 * keep them when they write the rest of their rules anew.
 */
const OFFERED: readonly { readonly table: string; readonly chain: string }[] = [
  { table: 'filter', chain: 'DOCKER-USER' },
  { table: 'ip6 filter', chain: 'DOCKER-USER' },
  { table: 'filter', chain: 'ufw-user-forward' },
  { table: 'ip6 filter', chain: 'ufw6-user-forward' },
]

/** The table whose chain is consulted before ours; shared by all state roots of the machine. */
const USER_TABLES = ['tsstack_user', 'ip6 tsstack_user'] as const
/** Before our own chain at 0, behind what comes earlier by habit. */
const USER_PRIORITY = -5

/** Rules in others' chains that let packets of our bridges pass; those that are there stay. */
export function joinOthers(
  socket: NetlinkSocket,
  rootId: string,
  bridges: readonly string[],
): readonly NetlinkRequest[] {
  return offeredChains(socket).flatMap(({ table, chain }) => {
    const rules = rulesOf(socket, table, chain)
    const known = new Set(rules.map(({ comment }) => comment))
    const before = closingReturn(rules)
    // Bridges of ours by their prefix; those with a name of the user's each by itself.
    const named = bridges.filter((bridge) => !bridge.startsWith(BRIDGE_PREFIX))
    const wanted = [BRIDGE_PREFIX, ...named].flatMap((name) =>
      (['iifname', 'oifname'] as const).map((key) => ({ name, key })),
    )
    return wanted.flatMap(({ name, key }) => {
      const comment = commentOf(rootId, key, name)
      if (known.has(comment)) return []
      const value = Buffer.from(name === BRIDGE_PREFIX ? name : `${name}\0`)
      const expressions = [nft.meta(key), nft.compare('eq', value), nft.verdict('accept')]
      return [nft.addRule({ table, chain, comment, expressions, before })]
    })
  })
}

/** What {@link joinOthers} has added, for all bridges or for one, taken away. */
export function leaveOthers(
  socket: NetlinkSocket,
  rootId: string,
  bridge?: string,
): readonly NetlinkRequest[] {
  const isOurs = (comment: string | undefined): boolean =>
    bridge === undefined
      ? comment?.startsWith(`tsstack ${rootId} `) === true
      : comment === commentOf(rootId, 'iifname', bridge) ||
        comment === commentOf(rootId, 'oifname', bridge)
  return offeredChains(socket).flatMap(({ table, chain }) =>
    rulesOf(socket, table, chain)
      .filter(({ comment }) => isOurs(comment))
      .map(nft.deleteRule),
  )
}

/** The user's table of the family of `table`, when it is missing. */
export function addUserTable(
  tables: readonly nft.Table[],
  table: string,
): readonly NetlinkRequest[] {
  const name = userTableOf(table)
  if (tables.some((one) => one.name === name)) return []
  return [
    nft.addTable(name, 'rules of the administrator, before those of tsstack'),
    nft.addChain(name, 'forward', { type: 'filter', hook: 'forward', priority: USER_PRIORITY }),
  ]
}

/**
 * Takes the user's table away with the last of ours, unless the user has written something there.
 */
export function removeUserTable(
  socket: NetlinkSocket,
  tables: readonly nft.Table[],
  table: string,
): readonly NetlinkRequest[] {
  const name = userTableOf(table)
  const prefix = table.replace(/tsstack_.*$/, 'tsstack_')
  const isShared = tables.some(
    (one) => one.name !== name && one.name !== table && one.name.startsWith(prefix),
  )
  const isThere = tables.some((one) => one.name === name)
  if (isShared || !isThere) return []
  const rules = nft.parseRules(socket.dump(nft.listRules(name)))
  return rules.length === 0 ? [nft.deleteTable(name)] : []
}

function userTableOf(table: string): string {
  return table.startsWith('ip6 ') ? USER_TABLES[1] : USER_TABLES[0]
}

function commentOf(rootId: string, key: string, name: string): string {
  return `tsstack ${rootId} ${key} ${name}`
}

function offeredChains(socket: NetlinkSocket): typeof OFFERED {
  const chains = nft.parseChains(socket.dump(nft.listChains()))
  return OFFERED.filter((offer) =>
    chains.some(({ table, name }) => table === offer.table && name === offer.chain),
  )
}

function rulesOf(socket: NetlinkSocket, table: string, chain: string): readonly nft.Rule[] {
  return nft.parseRules(socket.dump(nft.listRules(table))).filter((rule) => rule.chain === chain)
}

/** Older versions of Docker end their chain by a rule that returns: nothing behind it is read. */
function closingReturn(rules: readonly nft.Rule[]): bigint | undefined {
  const last = rules.at(-1)
  const isBare = last?.expressions.every((name) => name === 'counter' || name === 'immediate')
  return isBare === true ? last?.handle : undefined
}
