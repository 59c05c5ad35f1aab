/** Device rules in the text of v1's devices.list: `c 1:3 rwm`, `b *:* m`. */

import type { DeviceRule } from './types.ts'

/** `c 1:3 rwm`; everything is `a *:* rwm`. */
export function formatDeviceRule(rule: DeviceRule): string {
  const type = { all: 'a', block: 'b', char: 'c' }[rule.type]
  return `${type} ${rule.major ?? '*'}:${rule.minor ?? '*'} ${ordered(rule.access)}`
}

/**
 * The rules of a devices.list, or of Compose's `device_cgroup_rules`; `undefined` for other text.
 */
export function parseDeviceRule(text: string): DeviceRule | undefined {
  const match = /^([abc]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text.trim())
  if (!match) return undefined
  const [, type = '', major = '', minor = '', access = ''] = match
  return {
    type: type === 'a' ? 'all' : type === 'b' ? 'block' : 'char',
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
    access: ordered(access),
  }
}

/** What to write to devices.deny and devices.allow, so that `current` lists exactly `wanted`. */
export function deviceChanges(
  current: string,
  wanted: readonly DeviceRule[],
): { readonly deny: readonly string[]; readonly allow: readonly string[] } {
  const before = new Set(current.split('\n').filter((line) => line !== ''))
  const after = new Set(wanted.map(formatDeviceRule))
  const everything = 'a *:* rwm'
  if (after.has(everything)) {
    return before.has(everything) ? { deny: [], allow: [] } : { deny: [], allow: ['a'] }
  }
  // A group that allows everything has no list to take from: one `a` empties it.
  if (before.has(everything)) return { deny: ['a'], allow: [...after] }
  return {
    deny: [...before].filter((line) => !after.has(line)),
    allow: [...after].filter((line) => !before.has(line)),
  }
}

/** The kernel lists access letters as r, w, m. */
function ordered(access: string): string {
  return ['r', 'w', 'm'].filter((letter) => access.includes(letter)).join('')
}
