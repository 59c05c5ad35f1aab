/**
 * Inside a container's namespace: what is sent to 127.0.0.11 port 53 arrives at the server's high
 * port.
 */

import { isErrno } from '../../errors.ts'
import { DNS_QUESTIONS_BURST_MAX, DNS_QUESTIONS_PER_SECOND_MAX } from '../../limits.ts'
import {
  NETLINK_NETFILTER,
  type NetlinkRequest,
  NetlinkSocket,
  nft,
  withNamespace,
} from '../../linux/index.ts'
import { RuleMemory } from '../firewall/rule-memory.ts'

export const DNS_ADDRESS = '127.0.0.11'
export const DNS_PORT = 53

const TABLE = 'tsstack_dns'

/** Milliseconds until the kernel has destroyed what was replaced: it takes some 20 for it. */
const CLOSE_MS = 1000

const PROTOCOLS = { udp: 17, tcp: 6 } as const

/** The rules of one namespace. */
export class Redirection {
  readonly #netnsFd: number
  readonly #memory = new RuleMemory()
  /** Of which there should be as many. */
  #rules = 0

  constructor(netnsFd: number) {
    this.#netnsFd = netnsFd
  }

  /** Sets the rules; `replace` those of a server that died, if there are any. */
  lead(ports: Ports, { replace }: { readonly replace: boolean }): void {
    const socket = this.#open()
    try {
      this.#setRules(socket, ports, replace)
    } finally {
      // What was replaced is destroyed later, and closing waits for that (nft_rcv_nl_event).
      if (replace) setTimeout(() => socket.close(), CLOSE_MS).unref()
      else socket.close()
    }
  }

  #setRules(socket: NetlinkSocket, ports: Ports, replace: boolean): void {
    this.#memory.forget(TABLE)
    try {
      setRules(socket, rulesOf(ports), replace)
      this.#rules = WHOLE_RULES
    } catch (error) {
      // A kernel without nft_limit: then nobody is bounded.
      if (!isErrno(error, 'ENOENT')) throw error
      setRules(socket, redirectRules(ports), replace)
      this.#rules = WHOLE_RULES - 1
    }
  }

  /** Somebody else has set {@link rulesOf}, in a new namespace. */
  isLed(): void {
    this.#rules = WHOLE_RULES
  }

  /** Nobody has taken a rule away, or put another in its place. */
  isWhole(): boolean {
    using socket = this.#open()
    const rules = nft.parseRules(socket.dump(nft.listRules(TABLE)))
    return rules.length === this.#rules && this.#memory.areKnown(TABLE, rules)
  }

  #open(): NetlinkSocket {
    return withNamespace(this.#netnsFd, 'net', () => new NetlinkSocket(NETLINK_NETFILTER))
  }
}

/** All rules of a namespace whose server has these ports. */
export function rulesOf(ports: Ports): readonly NetlinkRequest[] {
  return [...redirectRules(ports), ...boundRules(ports.udp)]
}

interface Ports {
  readonly udp: number
  readonly tcp: number
}

/** One for each protocol, and the bound. */
const WHOLE_RULES = 3

function redirectRules({ udp, tcp }: Ports): readonly NetlinkRequest[] {
  return [
    nft.addTable(TABLE),
    nft.addChain(TABLE, 'output', { type: 'nat', hook: 'output', priority: -100 }),
    redirectRule('udp', udp),
    redirectRule('tcp', tcp),
  ]
}

/**
 * In one batch that nothing is refused of: to take one back, the kernel waits for all that look at
 * the rules (synchronize_rcu in nf_tables_abort), and a supervisor that adopts a hundred containers
 * did so a hundred times. Added first, so that there is something to be deleted.
 */
function setRules(socket: NetlinkSocket, rules: readonly NetlinkRequest[], replace: boolean): void {
  const clear = replace ? [nft.addTable(TABLE), nft.deleteTable(TABLE)] : []
  nft.commitBatch(socket, [...clear, ...rules])
}

/** Where they arrive, and not where they leave: there the sender would get an error. */
function boundRules(port: number): readonly NetlinkRequest[] {
  const chain = 'input'
  return [
    nft.addChain(TABLE, chain, { type: 'filter', hook: 'input', priority: 0 }),
    nft.addRule({
      table: TABLE,
      chain,
      expressions: [
        nft.meta('l4proto'),
        nft.compare('eq', Buffer.of(PROTOCOLS.udp)),
        nft.payload(nft.DESTINATION_PORT),
        nft.compare('eq', portBytes(port)),
        nft.payload(nft.DESTINATION_ADDRESS),
        nft.compare('eq', Buffer.from(DNS_ADDRESS.split('.').map(Number))),
        nft.isOverRate(DNS_QUESTIONS_PER_SECOND_MAX, DNS_QUESTIONS_BURST_MAX),
        nft.verdict('drop'),
      ],
    }),
  ]
}

function redirectRule(protocol: 'udp' | 'tcp', port: number): ReturnType<typeof nft.addRule> {
  const address = Buffer.from(DNS_ADDRESS.split('.').map(Number))
  return nft.addRule({
    table: TABLE,
    chain: 'output',
    expressions: [
      nft.payload(nft.DESTINATION_ADDRESS),
      nft.compare('eq', address),
      nft.meta('l4proto'),
      nft.compare('eq', Buffer.of(PROTOCOLS[protocol])),
      nft.payload(nft.DESTINATION_PORT),
      nft.compare('eq', portBytes(DNS_PORT)),
      nft.immediate(address),
      nft.immediate(portBytes(port), nft.slot(1)),
      nft.destinationNat(),
    ],
  })
}

function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(port)
  return bytes
}
