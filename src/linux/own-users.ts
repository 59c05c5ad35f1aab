/** What the user namespace allows that this process is in: less than all, when it is not the first. */

import { readFileSync } from 'node:fs'

/** Ids of a user namespace that are somebody outside of it. @see user_namespaces(7) */
type IdMap = readonly { readonly first: number; readonly count: number }[]

const EVERY_ID = 4_294_967_295

let first: boolean | undefined

/** True when root here is not root of the machine. Asked once: nobody goes back. */
export function inUserNamespace(): boolean {
  first ??= isWhole(readMap('uid'))
  return !first
}

/** Whether a group of this number exists here. */
export function hasGroup(id: number): boolean {
  return !inUserNamespace() || covers(readMap('gid'), id)
}

export function hasUser(id: number): boolean {
  return !inUserNamespace() || covers(readMap('uid'), id)
}

/** The last of the groups from 0 on that are there; at most what the kernel's sysctls take. */
export function lastGroup(): number {
  if (!inUserNamespace()) return INT_MAX
  let end = 0
  for (const { first: from, count } of readMap('gid')) if (from === end) end += count
  return Math.max(0, end - 1)
}

const INT_MAX = 2_147_483_647

/** False where one user alone was mapped without rights: setgroups(2) is EPERM then. */
export function canSetGroups(): boolean {
  return !inUserNamespace() || readFileSync('/proc/self/setgroups', 'utf8').trim() !== 'deny'
}

function parseIdMap(text: string): IdMap {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([inside = 0, , count = 0]) => ({ first: inside, count }))
}

function readMap(kind: 'uid' | 'gid'): IdMap {
  return parseIdMap(readFileSync(`/proc/self/${kind}_map`, 'utf8'))
}

function isWhole(map: IdMap): boolean {
  return map.some(({ first: from, count }) => from === 0 && count === EVERY_ID)
}

function covers(map: IdMap, id: number): boolean {
  return map.some(({ first: from, count }) => from <= id && id < from + count)
}
