/** Rules of nf_tables: a chain, a list of expressions, and a comment. */

import {
  attribute,
  nested,
  parseAttributes,
  stringAttribute,
  readString,
  listAttributes,
} from '../attribute.ts'
import { NLM_F_APPEND, NLM_F_CREATE } from '../message.ts'
import type { Message, Request } from '../message.ts'
import { joinTable, nftBodies, nftRequest, splitTable } from './batch.ts'
import { commentAttribute, readComment } from './comment.ts'
import type { Expression } from './expression.ts'

/** @see include/uapi/linux/netfilter/nf_tables.h */
const NFT_MSG_NEWRULE = 6
const NFT_MSG_GETRULE = 7
const NFT_MSG_DELRULE = 8
const NFTA_RULE_TABLE = 1
const NFTA_RULE_CHAIN = 2
const NFTA_RULE_HANDLE = 3
const NFTA_RULE_EXPRESSIONS = 4
const NFTA_RULE_POSITION = 6
const NFTA_RULE_USERDATA = 7
const NFTA_EXPR_NAME = 1

export interface Rule {
  readonly table: string
  readonly chain: string
  readonly handle: bigint
  /** Names of its expressions in order: `meta`, `cmp`, `immediate`. */
  readonly expressions: readonly string[]
  /** The expressions as the kernel writes them down: the same bytes mean the same rule. */
  readonly content: Buffer
  readonly comment: string | undefined
}

/** Adds a rule to `chain`. */
export function addRule(rule: {
  readonly table: string
  readonly chain: string
  readonly expressions: readonly Expression[]
  readonly comment?: string
  /** Before the rule of this handle, instead of behind all others. */
  readonly before?: bigint | undefined
}): Request {
  const { family, name } = splitTable(rule.table)
  return nftRequest({
    message: NFT_MSG_NEWRULE,
    family,
    flags: NLM_F_CREATE | (rule.before === undefined ? NLM_F_APPEND : 0),
    attributes: [
      stringAttribute(NFTA_RULE_TABLE, name),
      stringAttribute(NFTA_RULE_CHAIN, rule.chain),
      nested(NFTA_RULE_EXPRESSIONS, ...rule.expressions),
      ...(rule.before === undefined ? [] : [positionAttribute(rule.before)]),
      ...(rule.comment === undefined ? [] : [commentAttribute(NFTA_RULE_USERDATA, rule.comment)]),
    ],
    what: `add rule "${rule.comment ?? ''}" to chain "${rule.chain}" of table "${rule.table}"`,
  })
}

/** Deletes all rules of a chain; an empty chain is no error. */
export function flushChain(table: string, chain: string): Request {
  const { family, name } = splitTable(table)
  return nftRequest({
    message: NFT_MSG_DELRULE,
    family,
    attributes: [stringAttribute(NFTA_RULE_TABLE, name), stringAttribute(NFTA_RULE_CHAIN, chain)],
    what: `flush chain "${chain}" of table "${table}"`,
  })
}

/** Deletes one rule; the number is the kernel's, from {@link parseRules}. */
export function deleteRule({ table, chain, handle }: Rule): Request {
  const { family, name } = splitTable(table)
  return nftRequest({
    message: NFT_MSG_DELRULE,
    family,
    attributes: [
      stringAttribute(NFTA_RULE_TABLE, name),
      stringAttribute(NFTA_RULE_CHAIN, chain),
      attribute(NFTA_RULE_HANDLE, bytes64(handle)),
    ],
    what: `delete rule ${handle} of chain "${chain}" of table "${table}"`,
  })
}

export function listRules(table: string): Request {
  const { family, name } = splitTable(table)
  return nftRequest({
    message: NFT_MSG_GETRULE,
    family,
    attributes: [stringAttribute(NFTA_RULE_TABLE, name)],
    what: `list rules of table "${table}"`,
  })
}

/** All rules among `messages`. */
export function parseRules(messages: readonly Message[]): readonly Rule[] {
  return nftBodies(messages, NFT_MSG_NEWRULE).map(({ family, body }) => {
    const attributes = parseAttributes(body)
    const expressions = attributes.get(NFTA_RULE_EXPRESSIONS)
    return {
      table: joinTable(family, readString(attributes.get(NFTA_RULE_TABLE)) ?? ''),
      handle: attributes.get(NFTA_RULE_HANDLE)?.readBigUInt64BE() ?? 0n,
      chain: readString(attributes.get(NFTA_RULE_CHAIN)) ?? '',
      expressions: expressions
        ? listAttributes(expressions).map(
            ({ value }) => readString(parseAttributes(value).get(NFTA_EXPR_NAME)) ?? '',
          )
        : [],
      content: expressions ?? Buffer.alloc(0),
      comment: readComment(attributes.get(NFTA_RULE_USERDATA)),
    }
  })
}

function positionAttribute(handle: bigint): Buffer {
  return attribute(NFTA_RULE_POSITION, bytes64(handle))
}

function bytes64(number: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(number)
  return bytes
}
