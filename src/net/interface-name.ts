/**
 * Names and aliases of our interfaces: the name says ours and fits, the alias says whose in full.
 */

import { createHash } from 'node:crypto'

/** Every bridge of every state root begins so; firewalls may rely on it. */
export const BRIDGE_PREFIX = 'tsb'
const VETH_PREFIX = 'tsv'
const HASH_DIGITS = 12 // IFNAMSIZ is 16 with the closing zero: 3 + 12 characters fit

/** The bridge of a network: the same in every run. */
export function bridgeName(rootId: string, network: string): string {
  return BRIDGE_PREFIX + hash(rootId, network)
}

/** The host's end of a container's cable into a network: the same for every attempt. */
export function vethName(rootId: string, key: { container: string; network: string }): string {
  return VETH_PREFIX + hash(rootId, key.container, key.network)
}

/**
 * Whose interface it is. No part may hold a colon; names of stacks, networks and containers never
 * do.
 */
export type Owner =
  | {
      readonly kind: 'network'
      readonly stack: string
      readonly network: string
      readonly internal: boolean
    }
  | { readonly kind: 'container'; readonly network: string; readonly container: string }

/**
 * `tsstack:ROOT:STACK:NETWORK[:internal]` for a bridge, `tsstack:ROOT::NETWORK:CONTAINER` for a
 * veth.
 */
export function formatAlias(rootId: string, owner: Owner): string {
  const parts =
    owner.kind === 'network'
      ? [owner.stack, owner.network, ...(owner.internal ? ['internal'] : [])]
      : ['', owner.network, owner.container]
  return ['tsstack', rootId, ...parts].join(':')
}

/** The owner an alias names; undefined when it is not of `rootId`. */
export function parseAlias(rootId: string, alias: string | undefined): Owner | undefined {
  const [program, root, stack, network, last] = alias?.split(':') ?? []
  if (program !== 'tsstack' || root !== rootId || stack === undefined || network === undefined) {
    return undefined
  }
  if (stack !== '') return { kind: 'network', stack, network, internal: last === 'internal' }
  return last === undefined ? undefined : { kind: 'container', network, container: last }
}

function hash(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, HASH_DIGITS)
}
