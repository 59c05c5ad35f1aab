/** `config SERVICE…`: the services that were named, and what they depend on. */
import { SpecError } from '../../errors.ts'
import { Report } from '../diagnostics/report.ts'
import { didYouMean } from '../diagnostics/suggest.ts'
import type { Service, Stack } from '../model.ts'
import { get, mapEntries, type MapNode, withEntry } from '../tree/node.ts'
import { recordOf } from '../tree/plain.ts'
import { withoutUnused } from './unused.ts'

/**
 * The stack with these services, their dependencies, and the resources that those use; all of it
 * when no service is named.
 * @throws {SpecError} for a name that no enabled service has.
 */
export function selectServices(stack: Stack, names: readonly string[]): Stack {
  if (names.length === 0) return stack
  const all = stack.services
  const needed = closure(names, Object.keys(all), (name) => dependenciesOf(all[name]))
  const services = recordOf(Object.entries(all).filter(([name]) => needed.has(name)))
  const kept = Object.entries(withoutUnused({ ...stack, services }))
  return recordOf(kept.filter(([, value]) => value !== undefined)) as unknown as Stack
}

/** The same for a merged tree whose variables are still there: resources stay. */
export function selectInTree(tree: MapNode, names: readonly string[]): MapNode {
  const services = get(tree, 'services')
  if (names.length === 0 || services?.kind !== 'map') return tree
  const needed = closure(names, [...services.entries.keys()], (name) => {
    const dependencies = get(get(services, name), 'depends_on')
    return dependencies?.kind === 'map' ? [...dependencies.entries.keys()] : []
  })
  const kept = mapEntries(services, ({ key, value }) => (needed.has(key) ? value : undefined))
  return withEntry(tree, 'services', kept)
}

/** @throws {SpecError} with a guess at what was meant. */
export function throwNoService(name: string, known: readonly string[]): never {
  const report = new Report()
  const message = `Cannot show the service "${name}": there is no such service`
  const hint = didYouMean(name, known) ?? `there are ${known.join(', ') || 'none'}`
  report.error({ rule: 'unknown-service', message, hint })
  throw new SpecError(message, report.diagnostics())
}

function closure(
  names: readonly string[],
  known: readonly string[],
  dependencies: (name: string) => readonly string[],
): ReadonlySet<string> {
  const present = new Set(known)
  const needed = new Set(names)
  for (const name of names) if (!present.has(name)) throwNoService(name, known)
  // A set that grows while it is walked: each new name is walked too.
  for (const name of needed) for (const other of dependencies(name)) needed.add(other)
  return needed
}

function dependenciesOf(service: Service | undefined): readonly string[] {
  return Object.keys(service?.depends_on ?? {})
}
