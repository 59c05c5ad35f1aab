/** Which address a container gets, and the hardware address that goes with it. */

import { EngineError } from '../errors.ts'
import { addressNumber, contains, formatNumber, parseSubnet } from './subnet.ts'

export interface LeaseRequest {
  readonly subnet: string
  /** The gateway and every address that is leased, whether its container runs or not. */
  readonly taken: Iterable<string>
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
  const taken = new Set(request.taken)
  const refuse = (seen: string): never => {
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot give "${request.container}" an address of ${request.subnet}: ${seen}`,
    )
  }
  if (request.requested !== undefined) {
    if (!contains(subnet, request.requested)) {
      refuse(`${request.requested} is outside of it; ask for an address inside`)
    }
    if (taken.has(request.requested)) refuse(`${request.requested} is taken; ask for another one`)
    return request.requested
  }
  const range = request.range === undefined ? subnet : parseSubnet(request.range)
  const first = Math.max(range.first, subnet.first + 1)
  const last = Math.min(range.last, subnet.last - 1)
  for (let number = first; number <= last; number++) {
    const address = formatNumber(number)
    if (!taken.has(address)) return address
  }
  return refuse('all of its addresses are taken; use a larger subnet')
}

/**
 * `02:42:` and the address, as Docker does: locally administered, and the same for every attempt.
 */
export function macOf(address: string): string {
  const bytes = Buffer.alloc(6)
  bytes.writeUInt16BE(0x0242)
  bytes.writeUInt32BE(addressNumber(address), 2)
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}
