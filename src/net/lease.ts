/** Which address a container gets, and the hardware address that goes with it. */

import { EngineError } from '../errors.ts'
import { addressBytes } from '../linux/index.ts'
import {
  addressNumber,
  canonicalAddress,
  contains,
  formatNumber,
  hostRange,
  parseSubnet,
} from './subnet.ts'

export interface LeaseRequest {
  readonly subnet: string
  /**
   * The gateway and every address that is leased or set aside, whether its container runs or not.
   */
  readonly taken: Iterable<string>
  /** The same for addresses that are many: asked for each that comes into question. */
  readonly isTaken?: (address: string) => boolean
  /** Wanted by the stack file, or leased before. */
  readonly requested?: string | undefined
  /** Part of the subnet to choose from; default: all of it. */
  readonly range?: string | undefined
  /** For messages: `web-1`. */
  readonly container: string
}

/**
 * The address for `request.container`: the requested one, or the lowest that is free. Throws when
 * there is none.
 */
export function allocateAddress(request: LeaseRequest): string {
  const subnet = parseSubnet(request.subnet)
  const few = new Set([...request.taken].map(canonicalAddress))
  const isTaken = (address: string): boolean =>
    few.has(address) || request.isTaken?.(address) === true
  const refuse = (seen: string): never => {
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot give "${request.container}" an address of ${request.subnet}: ${seen}`,
    )
  }
  if (request.requested !== undefined) {
    const requested = canonicalAddress(request.requested)
    if (!contains(subnet, requested)) {
      refuse(`${requested} is outside of it; ask for an address inside`)
    }
    if (isTaken(requested)) refuse(`${requested} is taken; ask for another one`)
    return requested
  }
  const { first, last } = rangeOf(request)
  for (let number = first; number <= last; number++) {
    const address = formatNumber(number, subnet.family)
    if (!isTaken(address)) return address
  }
  return refuse('all of its addresses are taken; use a larger subnet')
}

/** How many containers could get an address of the subnet; `taken` may have others as well. */
export function countFree(request: Pick<LeaseRequest, 'subnet' | 'range' | 'taken'>): number {
  const { first, last } = rangeOf(request)
  const taken = new Set([...request.taken].map(canonicalAddress))
  const inside = [...taken].map(addressNumber).filter((one) => one >= first && one <= last)
  return Math.max(0, Number(last - first + 1n) - inside.length)
}

/** The first and the last that may be given out. */
function rangeOf({ subnet, range }: Pick<LeaseRequest, 'subnet' | 'range'>) {
  const whole = hostRange(parseSubnet(subnet))
  const asked = range === undefined ? whole : parseSubnet(range)
  return {
    first: asked.first > whole.first ? asked.first : whole.first,
    last: asked.last < whole.last ? asked.last : whole.last,
  }
}

/**
 * `02:42:` and the last four bytes of the address, as Docker does: locally administered, and the
 * same for every attempt.
 */
export function macOf(address: string): string {
  const bytes = Buffer.concat([Buffer.of(0x02, 0x42), addressBytes(address).subarray(-4)])
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}
