/**
 * Who depends on whom, between services: the order of starts, and backwards the order of stops.
 *
 * A graph says for each service which services it needs. It comes from `depends_on` and from
 * `network_mode: service:X`. A stack file with a cycle is an error in the spec room, yet the graph
 * here may still meet one: containers on the machine remember the dependencies they were created
 * with, and those of two versions of a file can contradict each other. A plan must come out all the
 * same. So what the file says holds first, and an edge that would close a cycle is left out, always
 * the same one.
 */

import type { ContainerSpec, Dependency } from './model.ts'

/** Service to the services it needs, without cycles, each list sorted. */
export type Graph = ReadonlyMap<string, readonly string[]>

export interface Dependent {
  readonly service: string
  readonly spec: ContainerSpec
  readonly dependsOn: readonly Dependency[]
}

/**
 * The graph of both; the services of `preferred` keep all their edges, and contradictory others are
 * left out.
 */
export function dependencyGraph(
  preferred: readonly Dependent[],
  others: readonly Dependent[] = [],
): Graph {
  const first = collectEdges(preferred)
  const second = collectEdges(others)
  const known = new Set([...first.keys(), ...second.keys()])
  const graph = new Map<string, readonly string[]>(sortedNames(known).map((each) => [each, []]))
  addEdges(graph, first)
  addEdges(graph, new Map([...second].filter(([service]) => !first.has(service))))
  return graph
}

/** What a container needs beside itself: `depends_on` and the namespace it borrows. */
function neededServices(container: Dependent): readonly string[] {
  const needed = container.dependsOn.map((dependency) => dependency.service)
  const { network } = container.spec
  return network.kind === 'service' ? [...needed, network.service] : needed
}

/** All services of the graph, each after those it needs; ties by name. */
export function inStartOrder(graph: Graph): readonly string[] {
  const ordered = new Set<string>()
  const visit = (service: string): void => {
    if (ordered.has(service)) return
    for (const needed of graph.get(service) ?? []) visit(needed)
    ordered.add(service)
  }
  for (const service of sortedNames(graph.keys())) visit(service)
  return [...ordered]
}

/** The same edges the other way: service to the services that need it. */
export function reversed(graph: Graph): Graph {
  const result = new Map<string, string[]>([...graph.keys()].map((service) => [service, []]))
  for (const service of sortedNames(graph.keys())) {
    for (const needed of graph.get(service) ?? []) result.get(needed)?.push(service)
  }
  return result
}

/** `services` and everything reachable from them. */
export function closure(graph: Graph, services: Iterable<string>): ReadonlySet<string> {
  const reached = new Set<string>()
  const visit = (service: string): void => {
    if (reached.has(service)) return
    reached.add(service)
    for (const next of graph.get(service) ?? []) visit(next)
  }
  for (const service of services) visit(service)
  return reached
}

/**
 * The nearest services reachable from `service` (itself excluded) that `accepts` takes; those it
 * does not take are looked through. With `web → api → db`, and `api` untouched, `web` still waits
 * for `db`.
 */
export function nearest(
  graph: Graph,
  service: string,
  accepts: (service: string) => boolean,
): readonly string[] {
  const found = new Set<string>()
  const seen = new Set<string>([service])
  const visit = (from: string): void => {
    for (const next of graph.get(from) ?? []) {
      if (seen.has(next)) continue
      seen.add(next)
      if (accepts(next)) found.add(next)
      else visit(next)
    }
  }
  visit(service)
  return sortedNames(found)
}

/** By code unit, so that the order is the same under every locale. */
export function compareNames(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}

export function sortedNames(names: Iterable<string>): readonly string[] {
  return [...names].sort(compareNames)
}

function collectEdges(containers: readonly Dependent[]): Map<string, ReadonlySet<string>> {
  const edges = new Map<string, Set<string>>()
  for (const container of containers) {
    const needed = edges.get(container.service) ?? new Set()
    for (const service of neededServices(container)) {
      if (service !== container.service) needed.add(service)
    }
    edges.set(container.service, needed)
  }
  return edges
}

/** Adds every edge between known services that closes no cycle. */
function addEdges(
  graph: Map<string, readonly string[]>,
  edges: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  const all = new Map(graph)
  for (const [service, needed] of edges) {
    const known = sortedNames(needed).filter((each) => graph.has(each))
    all.set(service, [...(graph.get(service) ?? []), ...known])
  }
  // A look at each edge costs a walk of the graph: a chain of 1,000 services would take a million.
  if (!hasCycle(all)) for (const [service, needed] of all) graph.set(service, needed)
  else addOneByOne(graph, edges)
}

function hasCycle(graph: Graph): boolean {
  const done = new Set<string>()
  const open = new Set<string>()
  const closes = (service: string): boolean => {
    if (done.has(service)) return false
    if (open.has(service)) return true
    open.add(service)
    const found = (graph.get(service) ?? []).some(closes)
    open.delete(service)
    done.add(service)
    return found
  }
  return [...graph.keys()].some(closes)
}

function addOneByOne(
  graph: Map<string, readonly string[]>,
  edges: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  for (const service of sortedNames(edges.keys())) {
    for (const needed of sortedNames(edges.get(service) ?? [])) {
      if (!graph.has(needed) || closure(graph, [needed]).has(service)) continue
      graph.set(service, [...(graph.get(service) ?? []), needed])
    }
  }
}
