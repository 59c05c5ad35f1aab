/**
 * nf_tables over nfnetlink: batches, which are taken whole or not at all, and lists. nfnetlink.h,
 * nf_tables.h
 */

import type { KernelError } from '../../../errors.ts'
import { NLM_F_ACK } from '../message.ts'
import type { Message, Request } from '../message.ts'
import type { NetlinkSocket } from '../socket.ts'

/** @see include/uapi/linux/netfilter/nfnetlink.h */
const NFNL_MSG_BATCH_BEGIN = 16
const NFNL_MSG_BATCH_END = 17
const NFNL_SUBSYS_NFTABLES = 10
const NFGENMSG_BYTES = 4

/** @see include/uapi/linux/netfilter.h, enum NFPROTO_* */
const FAMILIES = { inet: 1, ip: 2, netdev: 5, bridge: 7, ip6: 10 } as const

/**
 * A table is called as `nft` calls it: `ip6 shop`; without a family it is one of `ip`.
 */
export function splitTable(table: string): { readonly family: number; readonly name: string } {
  const [first = '', second] = table.split(' ')
  if (second === undefined) return { family: FAMILIES.ip, name: first }
  return { family: FAMILIES[first as keyof typeof FAMILIES], name: second }
}

/** The other way round; of families we do not write (arp, bridge …) too. */
export function joinTable(family: number, name: string): string {
  const known = Object.entries(FAMILIES).find(([, number]) => number === family)?.[0]
  return known === 'ip' ? name : `${known ?? family} ${name}`
}

/**
 * Applies `changes` as one transaction: packets see the old rules or the new ones, nothing between.
 * Throws the first refusal; then nothing has changed.
 */
export function commitBatch(socket: NetlinkSocket, changes: readonly Request[]): void {
  const { refused } = socket.exchange(wholeBatch(changes))
  if (refused[0]) throw refused[0].error
}

/** The messages of such a transaction. */
export function wholeBatch(changes: readonly Request[]): readonly Request[] {
  const last = changes.length - 1
  return [
    batchEdge(NFNL_MSG_BATCH_BEGIN, 'begin batch'),
    // Refusals come for every message; one acknowledgement is enough, and a thousand overflow the
    // socket.
    ...changes.map((change, index) =>
      index === last ? { ...change, flags: change.flags | NLM_F_ACK } : change,
    ),
    batchEdge(NFNL_MSG_BATCH_END, 'end batch'),
  ]
}

/**
 * What would refuse `changes`, tried and taken back: the kernel checks each message as it comes,
 * and a batch without an end is undone.
 */
export function tryBatch(
  socket: NetlinkSocket,
  changes: readonly Request[],
): KernelError | undefined {
  return socket.exchange(endlessBatch(changes)).refused[0]?.error
}

/** The same, while this thread goes on with something else: hooks of packets take milliseconds. */
export async function tryBatchBeside(
  socket: NetlinkSocket,
  changes: readonly Request[],
): Promise<KernelError | undefined> {
  const { refused } = await socket.exchangeBeside(endlessBatch(changes))
  return refused[0]?.error
}

function endlessBatch(changes: readonly Request[]): readonly Request[] {
  return [batchEdge(NFNL_MSG_BATCH_BEGIN, 'begin batch'), ...changes]
}

/** A message to nf_tables; `message` is an NFT_MSG_* number, family 0 means all of them. */
export function nftRequest(request: {
  readonly message: number
  readonly family: number
  readonly flags?: number
  readonly attributes: readonly Uint8Array[]
  readonly what: string
}): Request {
  const header = Buffer.of(request.family, 0, 0, 0)
  return {
    type: (NFNL_SUBSYS_NFTABLES << 8) | request.message,
    flags: request.flags ?? 0,
    body: Buffer.concat([header, ...request.attributes]),
    what: `nftables: ${request.what}`,
  }
}

/** Family and attributes of those among `messages` that carry NFT_MSG_* `message`. */
export function nftBodies(
  messages: readonly Message[],
  message: number,
): readonly { readonly family: number; readonly body: Buffer }[] {
  const type = (NFNL_SUBSYS_NFTABLES << 8) | message
  return messages
    .filter((one) => one.type === type)
    .map(({ body }) => ({ family: body.readUInt8(0), body: body.subarray(NFGENMSG_BYTES) }))
}

function batchEdge(type: number, what: string): Request {
  const body = Buffer.alloc(NFGENMSG_BYTES)
  body.writeUInt16BE(NFNL_SUBSYS_NFTABLES, 2)
  return { type, flags: 0, body, what: `nftables: ${what}` }
}
