/** Rules of nf_tables: a chain, a list of expressions, and a comment. */

import {
  nested,
  parseAttributes,
  stringAttribute,
  readString,
  listAttributes,
} from '../attribute.ts'
import { NLM_F_APPEND, NLM_F_CREATE } from '../message.ts'
import type { Message, Request } from '../message.ts'
import { nftBodies, nftRequest } from './batch.ts'
import { commentAttribute, readComment } from './comment.ts'
import type { Expression } from './expression.ts'

/** @see include/uapi/linux/netfilter/nf_tables.h */
const NFT_MSG_NEWRULE = 6
const NFT_MSG_GETRULE = 7
const NFT_MSG_DELRULE = 8
const NFTA_RULE_TABLE = 1
const NFTA_RULE_CHAIN = 2
const NFTA_RULE_EXPRESSIONS = 4
const NFTA_RULE_USERDATA = 7
const NFTA_EXPR_NAME = 1

export interface Rule {
  readonly table: string
  readonly chain: string
  /** Names of its expressions in order: `meta`, `cmp`, `immediate`. */
  readonly expressions: readonly string[]
  readonly comment: string | undefined
}

/** Appends a rule to `chain`. */
export function addRule(rule: {
  readonly table: string
  readonly chain: string
  readonly expressions: readonly Expression[]
  readonly comment?: string
}): Request {
  return nftRequest({
    message: NFT_MSG_NEWRULE,
    flags: NLM_F_CREATE | NLM_F_APPEND,
    attributes: [
      stringAttribute(NFTA_RULE_TABLE, rule.table),
      stringAttribute(NFTA_RULE_CHAIN, rule.chain),
      nested(NFTA_RULE_EXPRESSIONS, ...rule.expressions),
      ...(rule.comment === undefined ? [] : [commentAttribute(NFTA_RULE_USERDATA, rule.comment)]),
    ],
    what: `add rule "${rule.comment ?? ''}" to chain "${rule.chain}" of table "${rule.table}"`,
  })
}

/** Deletes all rules of a chain; an empty chain is no error. */
export function flushChain(table: string, chain: string): Request {
  return nftRequest({
    message: NFT_MSG_DELRULE,
    attributes: [stringAttribute(NFTA_RULE_TABLE, table), stringAttribute(NFTA_RULE_CHAIN, chain)],
    what: `flush chain "${chain}" of table "${table}"`,
  })
}

export function listRules(table: string): Request {
  return nftRequest({
    message: NFT_MSG_GETRULE,
    attributes: [stringAttribute(NFTA_RULE_TABLE, table)],
    what: `list rules of table "${table}"`,
  })
}

/** All rules among `messages`. */
export function parseRules(messages: readonly Message[]): readonly Rule[] {
  return nftBodies(messages, NFT_MSG_NEWRULE).map((body) => {
    const attributes = parseAttributes(body)
    const expressions = attributes.get(NFTA_RULE_EXPRESSIONS)
    return {
      table: readString(attributes.get(NFTA_RULE_TABLE)) ?? '',
      chain: readString(attributes.get(NFTA_RULE_CHAIN)) ?? '',
      expressions: expressions
        ? listAttributes(expressions).map(
            ({ value }) => readString(parseAttributes(value).get(NFTA_EXPR_NAME)) ?? '',
          )
        : [],
      comment: readComment(attributes.get(NFTA_RULE_USERDATA)),
    }
  })
}
