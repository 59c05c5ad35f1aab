/** Tables and chains of nf_tables. */

import {
  be32Attribute,
  nested,
  parseAttributes,
  readString,
  stringAttribute,
} from '../attribute.ts'
import { NLM_F_CREATE, NLM_F_EXCL } from '../message.ts'
import type { Message, Request } from '../message.ts'
import { joinTable, nftBodies, nftRequest, splitTable } from './batch.ts'
import { commentAttribute, readComment } from './comment.ts'

/** @see include/uapi/linux/netfilter/nf_tables.h, enum nf_tables_msg_types */
const NFT_MSG_NEWTABLE = 0
const NFT_MSG_GETTABLE = 1
const NFT_MSG_DELTABLE = 2
const NFT_MSG_NEWCHAIN = 3
const NFT_MSG_GETCHAIN = 4
const NFT_MSG_DELCHAIN = 5

const NFTA_TABLE_NAME = 1
const NFTA_TABLE_USERDATA = 6
const NFTA_CHAIN_TABLE = 1
const NFTA_CHAIN_NAME = 3
const NFTA_CHAIN_HOOK = 4
const NFTA_CHAIN_POLICY = 5
const NFTA_CHAIN_TYPE = 7
const NFTA_HOOK_HOOKNUM = 1
const NFTA_HOOK_PRIORITY = 2
const NFTA_HOOK_DEV = 3

/** @see include/uapi/linux/netfilter.h, enum nf_inet_hooks */
const HOOKS = {
  prerouting: 0,
  input: 1,
  forward: 2,
  output: 3,
  postrouting: 4,
  /** Of the family netdev: enum nf_dev_hooks. */
  ingress: 0,
} as const
const POLICIES = { drop: 0, accept: 1 } as const

export interface Table {
  /** With its family, unless that is ip: `ip6 shop`. */
  readonly name: string
  readonly comment: string | undefined
}

export interface BaseChain {
  readonly type: 'filter' | 'nat' | 'route'
  readonly hook: keyof typeof HOOKS
  /** Name of the interface, of a chain on ingress: the chain goes with it. */
  readonly device?: string
  /** Lower runs earlier; conntrack sits at -200. */
  readonly priority: number
  readonly policy?: keyof typeof POLICIES
}

export interface Chain {
  readonly table: string
  readonly name: string
  /** Absent: a chain that is only jumped to. */
  readonly base:
    | { readonly hook: number; readonly priority: number; readonly policy: number }
    | undefined
}

/** Adds a table; the same table again is no error. */
export function addTable(table: string, comment?: string): Request {
  const { family, name } = splitTable(table)
  return nftRequest({
    message: NFT_MSG_NEWTABLE,
    family,
    flags: NLM_F_CREATE,
    attributes: [
      stringAttribute(NFTA_TABLE_NAME, name),
      ...(comment === undefined ? [] : [commentAttribute(NFTA_TABLE_USERDATA, comment)]),
    ],
    what: `add table "${table}"`,
  })
}

/** Deletes a table with all it holds. */
export function deleteTable(table: string): Request {
  const { family, name } = splitTable(table)
  return nftRequest({
    message: NFT_MSG_DELTABLE,
    family,
    attributes: [stringAttribute(NFTA_TABLE_NAME, name)],
    what: `delete table "${table}"`,
  })
}

export function listTables(): Request {
  return nftRequest({ message: NFT_MSG_GETTABLE, family: 0, attributes: [], what: 'list tables' })
}

/** All tables among `messages`. */
export function parseTables(messages: readonly Message[]): readonly Table[] {
  return nftBodies(messages, NFT_MSG_NEWTABLE).map(({ family, body }) => {
    const attributes = parseAttributes(body)
    return {
      name: joinTable(family, readString(attributes.get(NFTA_TABLE_NAME)) ?? ''),
      comment: readComment(attributes.get(NFTA_TABLE_USERDATA)),
    }
  })
}

export function addChain(table: string, name: string, base?: BaseChain): Request {
  const own = splitTable(table)
  return nftRequest({
    message: NFT_MSG_NEWCHAIN,
    family: own.family,
    flags: NLM_F_CREATE | (base ? NLM_F_EXCL : 0),
    attributes: [
      stringAttribute(NFTA_CHAIN_TABLE, own.name),
      stringAttribute(NFTA_CHAIN_NAME, name),
      ...(base ? baseAttributes(base) : []),
    ],
    what: `add chain "${name}" to table "${table}"`,
  })
}

/** Deletes a chain with its rules. */
export function deleteChain(table: string, name: string): Request {
  const own = splitTable(table)
  return nftRequest({
    message: NFT_MSG_DELCHAIN,
    family: own.family,
    attributes: [
      stringAttribute(NFTA_CHAIN_TABLE, own.name),
      stringAttribute(NFTA_CHAIN_NAME, name),
    ],
    what: `delete chain "${name}" of table "${table}"`,
  })
}

/** Lists the chains of every table. */
export function listChains(): Request {
  return nftRequest({ message: NFT_MSG_GETCHAIN, family: 0, attributes: [], what: 'list chains' })
}

/** All chains among `messages`. */
export function parseChains(messages: readonly Message[]): readonly Chain[] {
  return nftBodies(messages, NFT_MSG_NEWCHAIN).map(({ family, body }) => {
    const attributes = parseAttributes(body)
    const hook = attributes.get(NFTA_CHAIN_HOOK)
    const details = hook && parseAttributes(hook)
    return {
      table: joinTable(family, readString(attributes.get(NFTA_CHAIN_TABLE)) ?? ''),
      name: readString(attributes.get(NFTA_CHAIN_NAME)) ?? '',
      base: details && {
        hook: details.get(NFTA_HOOK_HOOKNUM)?.readUInt32BE() ?? 0,
        priority: details.get(NFTA_HOOK_PRIORITY)?.readInt32BE() ?? 0,
        policy: attributes.get(NFTA_CHAIN_POLICY)?.readUInt32BE() ?? POLICIES.accept,
      },
    }
  })
}

function baseAttributes(base: BaseChain): readonly Buffer[] {
  return [
    nested(
      NFTA_CHAIN_HOOK,
      be32Attribute(NFTA_HOOK_HOOKNUM, HOOKS[base.hook]),
      be32Attribute(NFTA_HOOK_PRIORITY, base.priority),
      ...(base.device === undefined ? [] : [stringAttribute(NFTA_HOOK_DEV, base.device)]),
    ),
    be32Attribute(NFTA_CHAIN_POLICY, POLICIES[base.policy ?? 'accept']),
    stringAttribute(NFTA_CHAIN_TYPE, base.type),
  ]
}
