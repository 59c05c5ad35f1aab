/**
 * Queues of interfaces that delay or slow down what leaves by them. tc-netem(8), tc-tbf(8)
 * @see include/uapi/linux/pkt_sched.h, include/uapi/linux/rtnetlink.h
 */

import { attribute, nested, stringAttribute, u32Attribute } from './attribute.ts'
import { NLM_F_CREATE, NLM_F_REPLACE, type Request } from './message.ts'

const RTM_NEWQDISC = 36
const RTM_DELQDISC = 37
const TC_H_ROOT = 0xffffffff
const TCA_KIND = 1
const TCA_OPTIONS = 2
const TCMSG_BYTES = 20
const TCA_NETEM_RATE = 6
const TCA_NETEM_LATENCY64 = 10
const TCA_TBF_PARMS = 1
const TCA_TBF_BURST = 6

export interface Delay {
  /** Of each packet. */
  readonly latencyMs: number
  /** Absent: as fast as it goes. */
  readonly bytesPerSecond?: number | undefined
}

/** So many packets wait at most: a second of 100 Mbit/s in packets of 1500 bytes. */
const WAITING_PACKETS_MAX = 10_000
const LINKLAYER_ETHERNET = 1

/** Delays what leaves by the link. ENOENT where the kernel has no netem. */
export function setDelay(linkIndex: number, { latencyMs, bytesPerSecond }: Delay): Request {
  // struct tc_netem_qopt: latency, limit, loss, gap, duplicate, jitter
  const options = Buffer.alloc(24)
  options.writeUInt32LE(WAITING_PACKETS_MAX, 4)
  const latency = Buffer.alloc(8)
  latency.writeBigInt64LE(BigInt(Math.round(latencyMs * 1e6)))
  const rate = Buffer.alloc(16) // struct tc_netem_rate
  rate.writeUInt32LE(bytesPerSecond ?? 0)
  return newQdisc(linkIndex, 'netem', [
    // netem's options begin with a struct, and the attributes follow it.
    options,
    attribute(TCA_NETEM_LATENCY64, latency),
    ...(bytesPerSecond === undefined ? [] : [attribute(TCA_NETEM_RATE, rate)]),
  ])
}

/** Slows down what leaves by the link; what comes faster waits, for up to a quarter of a second. */
export function setRate(linkIndex: number, bytesPerSecond: number): Request {
  const burst = Math.max(BURST_BYTES_MIN, Math.ceil(bytesPerSecond / 250))
  const parameters = Buffer.alloc(36) // struct tc_tbf_qopt: two tc_ratespec, limit, buffer, mtu
  parameters.writeUInt8(LINKLAYER_ETHERNET, 1)
  parameters.writeUInt32LE(bytesPerSecond, 8)
  parameters.writeUInt32LE(burst + Math.ceil(bytesPerSecond / 4), 24)
  return newQdisc(linkIndex, 'tbf', [
    attribute(TCA_TBF_PARMS, parameters),
    u32Attribute(TCA_TBF_BURST, burst),
  ])
}

/** A packet has to fit at once, also one that the network card would cut up (64 KiB). */
const BURST_BYTES_MIN = 66_000

/** Gives the link its usual queue back. ENOENT when it has it. */
export function removeQdisc(linkIndex: number): Request {
  return {
    type: RTM_DELQDISC,
    flags: 0,
    body: header(linkIndex),
    what: `remove the queue of link ${linkIndex}`,
  }
}

function newQdisc(linkIndex: number, kind: string, options: readonly Buffer[]): Request {
  const body = Buffer.concat(options)
  return {
    type: RTM_NEWQDISC,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    body: Buffer.concat([
      header(linkIndex),
      stringAttribute(TCA_KIND, kind),
      nested(TCA_OPTIONS, body),
    ]),
    what: `set the queue of link ${linkIndex} to ${kind}`,
  }
}

function header(linkIndex: number): Buffer {
  const bytes = Buffer.alloc(TCMSG_BYTES)
  bytes.writeInt32LE(linkIndex, 4)
  bytes.writeUInt32LE(TC_H_ROOT, 12)
  return bytes
}
