/**
 * The default profile read rule by rule, without trees or ranges, for calls with arguments all
 * zero.
 */

import { DEFAULT_SECCOMP_PROFILE, type SeccompRule } from '../../../src/linux/seccomp/profile.ts'
import { type Abi, syscallTable } from '../../../src/linux/syscalls/index.ts'
import { ALLOW, ENOSYS, EPERM } from './bpf.ts'

interface Container {
  readonly abi: Abi
  readonly architecture: 'x64' | 'arm64'
  readonly capabilities: readonly string[]
}

/** Expected verdict by number; everything else is ENOSYS. */
export function plainReading(container: Container): Map<number, number> {
  const decided = decisions(
    DEFAULT_SECCOMP_PROFILE.syscalls.filter((rule) => counts(rule, container)),
  )
  const table = [...syscallTable(container.abi)]
  const named = table.filter(([name, number]) => decided.has(name) && isOrdinary(number))
  const newest = Math.max(...named.map(([, number]) => number))
  const expected = new Map<number, number>()
  for (const [name, number] of table) {
    const fallback = isOrdinary(number) && number > newest ? ENOSYS : EPERM
    const verdict = decided.get(name)
    if (verdict !== undefined || !expected.has(number)) expected.set(number, verdict ?? fallback)
  }
  return expected
}

function decisions(rules: readonly SeccompRule[]): Map<string, number> {
  const decided = new Map<string, number>()
  for (const rule of rules) {
    const action = rule.action === 'SCMP_ACT_ALLOW' ? ALLOW : 0x50000 + (rule.errnoRet ?? 1)
    for (const name of rule.names) {
      if (name === 'socketcall') continue
      const before = decided.get(name)
      if (holdsForZero(rule)) decided.set(name, before === ALLOW ? ALLOW : action)
      else decided.set(name, before ?? EPERM)
    }
  }
  return decided
}

function counts(rule: SeccompRule, container: Container): boolean {
  const host = container.architecture === 'x64' ? 'amd64' : 'arm64'
  const has = (cap: string): boolean => container.capabilities.includes(cap.replace('CAP_', ''))
  const { caps = [], arches = [host] } = rule.includes ?? {}
  const { caps: foreignCaps = [], arches: foreignArches = [] } = rule.excludes ?? {}
  if (!caps.every(has) || !arches.includes(host)) return false
  return !foreignCaps.some(has) && !foreignArches.includes(host)
}

/** x32 has old calls from 512 on, arm private ones: they say nothing about what is new. */
function isOrdinary(number: number): boolean {
  return (number & 0xfffffff) < 512
}

function holdsForZero({ args }: SeccompRule): boolean {
  return (args ?? []).every(
    ({ op, value }) => (op === 'SCMP_CMP_EQ' && value === 0) || /LT|MASKED/.test(op),
  )
}
