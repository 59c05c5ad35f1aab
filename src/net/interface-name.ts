/**
 * Names and aliases of our interfaces: the name says ours and fits, the alias says whose in full.
 */

import { createHash } from 'node:crypto'
import { EngineError } from '../errors.ts'
import type { IpvlanFlag, IpvlanMode, MacvlanMode, NetworkDriver } from './types.ts'

/** Every bridge of every state root begins so; firewalls may rely on it. */
export const BRIDGE_PREFIX = 'tsb'
/** Link group of every bridge, by which one with a name of the user's is known: "ts". */
export const BRIDGE_GROUP = 0x7473
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
  | ({ readonly kind: 'network'; readonly stack: string; readonly network: string } & Traits)
  | { readonly kind: 'container'; readonly network: string; readonly container: string }

/** What a network is, as far as no other property of its interface tells. */
export interface Traits {
  readonly internal: boolean
  /** False: its containers do not reach each other, but for published ports. */
  readonly icc: boolean
  /** False: what leaves keeps the container's address. */
  readonly masquerade: boolean
  readonly guarded: boolean
  readonly driver: NetworkDriver
  /** Of a network that is no bridge, whose interface has no addresses. */
  readonly subnets: readonly { readonly subnet: string; readonly gateway: string }[]
}

const ALIAS_BYTES_MAX = 255 // IFALIASZ without the closing zero

/**
 * `tsstack:ROOT:STACK:NETWORK[:TRAIT,TRAIT…]` for a network, `tsstack:ROOT::NETWORK:CONTAINER` for
 * a container's interface.
 */
export function formatAlias(rootId: string, owner: Owner): string {
  if (owner.kind === 'container') {
    return ['tsstack', rootId, '', owner.network, owner.container].join(':')
  }
  const traits = formatTraits(owner).join(',')
  const parts = ['tsstack', rootId, owner.stack, owner.network, ...(traits ? [traits] : [])]
  const alias = parts.join(':')
  if (Buffer.byteLength(alias) <= ALIAS_BYTES_MAX) return alias
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot create network "${owner.network}": its name, stack and subnets take more than ` +
      `${ALIAS_BYTES_MAX} bytes together; give it a shorter name`,
  )
}

/** The owner an alias names; undefined when it is not of `rootId`. */
export function parseAlias(rootId: string, alias: string | undefined): Owner | undefined {
  const [program, root, stack, network, ...rest] = alias?.split(':') ?? []
  if (program !== 'tsstack' || root !== rootId || stack === undefined || network === undefined) {
    return undefined
  }
  const last = rest.length === 0 ? undefined : rest.join(':')
  if (stack !== '') return { kind: 'network', stack, network, ...parseTraits(last ?? '') }
  return last === undefined ? undefined : { kind: 'container', network, container: last }
}

function formatTraits(traits: Traits): readonly string[] {
  const { internal, icc, masquerade, guarded, driver, subnets } = traits
  return [
    ...(internal ? ['internal'] : []),
    ...(icc ? [] : ['noicc']),
    ...(masquerade ? [] : ['nomasq']),
    ...(guarded ? ['guarded'] : []),
    ...formatDriver(driver),
    ...subnets.map(({ subnet, gateway }) => `net/${subnet}/${gateway}`),
  ]
}

function formatDriver(driver: NetworkDriver): readonly string[] {
  switch (driver.kind) {
    case 'bridge':
      return []
    case 'macvlan':
      return [`macvlan/${driver.parent}/${driver.mode}`]
    case 'ipvlan':
      return [`ipvlan/${driver.parent}/${driver.mode}/${driver.flag}`]
  }
}

function parseTraits(text: string): Traits {
  const words = text.split(',').map((word) => word.split('/'))
  const has = (name: string): boolean => words.some(([first]) => first === name)
  return {
    internal: has('internal'),
    icc: !has('noicc'),
    masquerade: !has('nomasq'),
    guarded: has('guarded'),
    driver: parseDriver(words),
    subnets: words.flatMap(([first, address, length, gateway = '']) =>
      first === 'net' ? [{ subnet: `${address}/${length}`, gateway }] : [],
    ),
  }
}

function parseDriver(words: readonly (readonly string[])[]): NetworkDriver {
  for (const [kind, parent = '', mode, flag] of words) {
    if (kind === 'macvlan') return { kind, parent, mode: mode as MacvlanMode }
    if (kind === 'ipvlan') {
      return { kind, parent, mode: mode as IpvlanMode, flag: flag as IpvlanFlag }
    }
  }
  return { kind: 'bridge' }
}

function hash(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, HASH_DIGITS)
}
