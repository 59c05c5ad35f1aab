/** Which ids of the host the users of a container are. */

import { EngineError } from '../../errors.ts'
import type { IdRange } from '../../linux/index.ts'
import { CONTAINER_IDS } from '../../limits.ts'

/** Lines of subuid(5) and subgid(5), whose form is the same: `name:first:count`. */
export interface SubIds {
  readonly name: string
  readonly ids: IdRange
}

/** Whose line says which ids are ours to give. */
const OWN_NAME = 'tsstack'

/**
 * Where nobody else takes ids: above what useradd(8) gives to users (SUB_UID_MAX), and within what
 * systemd sets aside for containers. @see https://systemd.io/UIDS-GIDS
 */
const DEFAULT_POOL: IdRange = { first: 0x40000000, count: 0x20000000 }

export function parseSubIds(text: string): readonly SubIds[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', first = '', count = ''] = line.trim().split(':')
    if (name === '' || name.startsWith('#') || !/^\d+$/.test(first) || !/^\d+$/.test(count)) {
      return []
    }
    return [{ name, ids: { first: Number(first), count: Number(count) } }]
  })
}

/**
 * A range that is nobody's: `wanted` when it is free, else one that `seed` leads to, so that two
 * state roots hardly ever choose the same. Throws LAUNCH when there is none.
 */
export function chooseRange(input: {
  readonly container: string
  readonly subuid: readonly SubIds[]
  readonly subgid: readonly SubIds[]
  readonly taken: readonly IdRange[]
  readonly wanted: IdRange | undefined
  /** Any whole number from 0. */
  readonly seed: number
}): IdRange {
  const { subuid, subgid, wanted, seed, container } = input
  const own = ownPool(input)
  const pool = own ?? DEFAULT_POOL
  const taken = own
    ? input.taken
    : [...input.taken, ...[...subuid, ...subgid].map(({ ids }) => ids)]
  const isFree = (range: IdRange): boolean =>
    contains(pool, range) && !taken.some((other) => overlap(range, other))
  if (wanted !== undefined && isFree(wanted)) return wanted
  const slots = Math.floor(pool.count / CONTAINER_IDS)
  for (let at = 0; at < slots; at += 1) {
    const first = pool.first + ((seed + at) % slots) * CONTAINER_IDS
    const range = { first, count: CONTAINER_IDS }
    if (isFree(range)) return range
  }
  throw refused(container, `all ${slots} ranges of ids are taken`, {
    hint: `give "${OWN_NAME}" more in /etc/subuid and /etc/subgid`,
  })
}

/** What both files give to `tsstack`; undefined when neither does. */
function ownPool(input: {
  readonly container: string
  readonly subuid: readonly SubIds[]
  readonly subgid: readonly SubIds[]
}): IdRange | undefined {
  const of = (lines: readonly SubIds[]): IdRange | undefined =>
    lines.find(({ name }) => name === OWN_NAME)?.ids
  const [users, groups] = [of(input.subuid), of(input.subgid)]
  if (users === undefined && groups === undefined) return undefined
  const both = users && groups && common(users, groups)
  if (both && both.count >= CONTAINER_IDS) return both
  const why = `/etc/subuid and /etc/subgid give "${OWN_NAME}" no ${CONTAINER_IDS} common ids`
  throw refused(input.container, why, {
    hint: `write the same line into both: ${OWN_NAME}:${DEFAULT_POOL.first}:${DEFAULT_POOL.count}`,
  })
}

function common(one: IdRange, other: IdRange): IdRange {
  const first = Math.max(one.first, other.first)
  const end = Math.min(one.first + one.count, other.first + other.count)
  return { first, count: Math.max(0, end - first) }
}

const overlap = (one: IdRange, other: IdRange): boolean => common(one, other).count > 0

const contains = (pool: IdRange, range: IdRange): boolean =>
  common(pool, range).count === range.count

function refused(container: string, why: string, details: { readonly hint: string }): EngineError {
  return new EngineError('LAUNCH', `Cannot give "${container}" users of its own: ${why}`, details)
}
