/** What a picture of a stack shows: boxes in three columns, and lines between them. Pure. */

import type { ContainerSpec, DesiredState, ObservedState } from '../../planner/index.ts'

export interface Picture {
  readonly stack: string
  readonly services: readonly ServiceBox[]
  readonly networks: readonly { readonly name: string; readonly remark: string }[]
  readonly volumes: readonly string[]
  readonly edges: readonly Edge[]
}

export interface ServiceBox {
  readonly name: string
  /** `2 of 2 running, healthy`; '' when nothing is known. */
  readonly state: string
  readonly mood: 'good' | 'bad' | 'waiting' | 'unknown'
  /** `8080→80` */
  readonly ports: readonly string[]
}

export interface Edge {
  readonly kind: 'needs' | 'attached' | 'mounts'
  readonly from: string
  readonly to: string
}

export function pictureOf(desired: DesiredState, observed: ObservedState): Picture {
  const names = [...new Set(desired.containers.map(({ service }) => service))].sort()
  const specs = new Map(desired.containers.map((one) => [one.service, one]))
  return {
    stack: desired.stack,
    services: names.map((name) => serviceBox(name, desired, observed)),
    networks: desired.networks.map(({ key, internal, driver, external }) => ({
      name: key,
      remark: [internal && 'internal', driver !== 'bridge' && driver, external && 'external']
        .filter((word) => word !== false)
        .join(', '),
    })),
    volumes: desired.volumes.map(({ key }) => key),
    edges: names.flatMap((name) => {
      const container = specs.get(name)
      if (!container) return []
      const needs = container.dependsOn.map(({ service }) => service)
      return [
        ...needs.map((to) => ({ kind: 'needs' as const, from: name, to })),
        ...attachedTo(container.spec, desired).map((to) => ({
          kind: 'attached' as const,
          from: name,
          to,
        })),
        ...mountedBy(container.spec, desired).map((to) => ({
          kind: 'mounts' as const,
          from: name,
          to,
        })),
      ]
    }),
  }
}

function serviceBox(name: string, desired: DesiredState, observed: ObservedState): ServiceBox {
  const wanted = desired.containers.filter(({ service }) => service === name)
  const present = observed.containers.filter(
    ({ service, oneOff }) => service === name && oneOff === undefined,
  )
  const running = present.filter(({ state }) => state === 'running')
  const isSick = running.some(({ health }) => health === 'unhealthy')
  const isStarting = running.some(({ health }) => health === 'starting')
  const ports = portTexts(running, wanted)
  if (present.length === 0) return { name, state: 'not created', mood: 'unknown', ports }
  const health = isSick ? ', unhealthy' : isStarting ? ', starting' : ''
  const state = `${running.length} of ${wanted.length} running${health}`
  const isDone = present.every((one) => one.state === 'exited' && one.exitCode === 0)
  if (isDone) return { name, state: 'completed', mood: 'good', ports }
  const isBad = isSick || running.length < wanted.length
  return { name, state, mood: isBad ? 'bad' : isStarting ? 'waiting' : 'good', ports }
}

/** As they are published; of what does not run, as they will be. */
function portTexts(
  running: ObservedState['containers'],
  wanted: DesiredState['containers'],
): readonly string[] {
  const texts =
    running.length > 0
      ? running.flatMap(({ ports }) =>
          ports.map((port) => portText(`${port.published}`, port.target, port.protocol)),
        )
      : wanted.flatMap(({ spec }) =>
          spec.ports.map((port) => portText(rangeText(port.published), port.target, port.protocol)),
        )
  return [...new Set(texts)]
}

function portText(published: string, target: number, protocol: string): string {
  return `${published}→${target}${protocol === 'udp' ? '/udp' : ''}`
}

function rangeText(range: { readonly first: number; readonly last: number } | undefined): string {
  if (!range) return 'any'
  return range.first === range.last ? `${range.first}` : `${range.first}-${range.last}`
}

function attachedTo({ network }: ContainerSpec, desired: DesiredState): readonly string[] {
  if (network.kind !== 'networks') return []
  return network.attachments.flatMap(({ network: name }) =>
    desired.networks.filter((one) => one.name === name).map(({ key }) => key),
  )
}

function mountedBy({ mounts }: ContainerSpec, desired: DesiredState): readonly string[] {
  const names = mounts.flatMap((mount) => (mount.kind === 'volume' ? [mount.volume] : []))
  return desired.volumes.filter(({ name }) => names.includes(name)).map(({ key }) => key)
}
