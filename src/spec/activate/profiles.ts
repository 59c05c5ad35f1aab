/**
 * Which services count: those without profiles, those with an active one, and those named by the
 * caller.
 */
import type { Service, Stack } from '../model.ts'
import { emptyObject } from '../tree/plain.ts'

export interface Activation {
  readonly active: Readonly<Record<string, Service>>
  readonly disabled: Readonly<Record<string, Service>>
  /** Every profile that appears, sorted. */
  readonly known: readonly string[]
}

export function activate(
  stack: Stack,
  profiles: readonly string[],
  named: readonly string[],
): Activation {
  const known = new Set<string>()
  for (const service of Object.values(stack.services)) {
    for (const profile of service.profiles ?? []) known.add(profile)
  }
  const wanted = new Set([
    ...profiles,
    ...named.flatMap((name) => stack.services[name]?.profiles ?? []),
  ])
  const active = emptyObject<Service>()
  const disabled = emptyObject<Service>()
  for (const [name, service] of Object.entries(stack.services)) {
    const into = isActive(service, wanted) ? active : disabled
    into[name] = service
  }
  return { active, disabled, known: [...known].sort() }
}

function isActive({ profiles = [] }: Service, wanted: ReadonlySet<string>): boolean {
  return profiles.length === 0 || wanted.has('*') || profiles.some((profile) => wanted.has(profile))
}
