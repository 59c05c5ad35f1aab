/** Stacks and machines written as one line of text, for the tests of the planner. */

import { parse } from 'yaml'
import { plainContainer } from '../../src/planner/index.ts'
import type {
  ContainerSpec,
  ContainerState,
  Dependency,
  DesiredContainer,
  DesiredState,
  MountSpec,
  NetworkSpec,
  ObservedContainer,
  ObservedState,
  PortSpec,
  UpdateRule,
  VolumeSpec,
} from '../../src/planner/index.ts'

type Fields = Readonly<Record<string, unknown>>

/** A spec with nothing special, and what `fields` change in it. */
export function specOf(fields: Partial<ContainerSpec> = {}): ContainerSpec {
  return plainContainer('host:', { hostname: 'here', ...fields })
}

/**
 * `web: { scale: 2, depends_on: [db], networks: [back], volumes: ["data:/d", "/tmp"], ports:
 * ["80:8080"] }, db:` Containers are named `web.1`, networks and volumes by their keys.
 */
export function desiredOf(text: string): DesiredState {
  const services = servicesOf(text)
  const containers = [...services].flatMap(([service, fields]) => replicas(service, fields))
  const specs = containers.map((each) => each.spec)
  return {
    stack: 's',
    source: { directory: '/s', files: ['/s/stack.yaml'] },
    services: [...services.keys()],
    containers,
    networks: unique(specs.flatMap(networkNames)).map((name) => networkOf(name)),
    volumes: unique(specs.flatMap(volumeNames)).map((name) => volumeOf(name)),
    ...updatesOf(services),
  }
}

/** `update: { order: start-first, parallelism: 2 }`; the other fields have their defaults. */
function updatesOf(services: ReadonlyMap<string, Fields>): Pick<DesiredState, 'updates'> {
  const updates = [...services].flatMap(([service, fields]) => {
    const given = fields['update'] as Partial<UpdateRule> | undefined
    if (given === undefined) return []
    const rule = { ...RULE, ...given }
    const count = (fields['scale'] as number | undefined) ?? 1
    const spares = replicas(service, { ...fields, scale: 2 * count }).slice(count)
    return [[service, { update: rule, rollback: rule, spares }] as const]
  })
  return updates.length === 0 ? {} : { updates: Object.fromEntries(updates) }
}

const RULE: UpdateRule = {
  parallelism: 1,
  order: 'stop-first',
  delayMs: 0,
  monitorMs: 0,
  failureAction: 'pause',
  maxFailureRatio: 0,
}

/**
 * `web.1 running image=old, db.1 exited 0, job.1 stopped, network back internal, volume data`
 * A container is as `desired` wants it but for what is said here; without a state it is running.
 */
export function observedOf(text: string, desiredText = ''): ObservedState {
  const services = servicesOf(desiredText)
  const items = text
    .split(',')
    .map((item) => item.trim().split(/\s+/u))
    .filter(([word]) => word !== '')
  const of = (kind: string): string[][] => items.filter(([word]) => word === kind)
  const containers = items.filter(([word]) => word !== 'network' && word !== 'volume')
  return {
    stack: 's',
    containers: containers.map((words) => observedContainer(words, services)),
    networks: of('network').map(([, name = '', flag]) => ({
      spec: { ...networkOf(name), ...(flag === 'internal' ? { internal: true } : {}) },
      bridge: 'b',
      subnets: [],
      gateways: [],
    })),
    volumes: of('volume').map(([, name = '', driver]) => ({
      spec: { ...volumeOf(name), ...(driver === undefined ? {} : { driver }) },
      path: '/v',
    })),
  }
}

function servicesOf(text: string): Map<string, Fields> {
  const parsed = (parse(`{${text}}`) ?? {}) as Record<string, Fields | null>
  return new Map(Object.entries(parsed).map(([service, fields]) => [service, fields ?? {}]))
}

function replicas(service: string, fields: Fields): DesiredContainer[] {
  const scale = (fields['scale'] as number | undefined) ?? 1
  return Array.from({ length: scale }, (_, at) => ({
    name: (fields['container_name'] as string | undefined) ?? `${service}.${at + 1}`,
    service,
    index: at + 1,
    spec: specFrom(fields, `${service}.${at + 1}`),
    dependsOn: dependenciesOf(fields),
  }))
}

function observedContainer(
  [name = '', ...words]: readonly string[],
  services: ReadonlyMap<string, Fields>,
): ObservedContainer {
  const settings = words.filter((word) => word.includes('='))
  const [state = 'running', code] = words.filter((word) => !word.includes('='))
  const overrides = Object.fromEntries(
    settings.map((word) => {
      const [key = '', value = ''] = word.split('=')
      return [
        key,
        /[[{]/u.test(value) ? parse(value.replaceAll(';', ',').replaceAll(':"', ': "')) : value,
      ]
    }),
  ) as Fields
  const [service = '', index = '1'] = ((overrides['of'] as string) ?? name).split('.')
  const fields = { ...services.get(service), ...overrides }
  return {
    name,
    service,
    index: Number(index),
    spec: specFrom(fields, name),
    dependsOn: dependenciesOf(fields),
    state: (state === 'stopped' ? 'exited' : state) as ContainerState,
    health: 'none',
    attempt: state === 'created' ? 0 : 1,
    ...(code === undefined ? {} : { exitCode: Number(code) }),
    oomKilled: false,
    stoppedByUser: state === 'stopped',
    addresses: [],
    ports: [],
    ...('restartAt' in overrides ? { restartAt: Number(overrides['restartAt']) } : {}),
    ...('failure' in overrides ? { failure: String(overrides['failure']) } : {}),
  }
}

function specFrom(fields: Fields, name: string): ContainerSpec {
  const list = (key: string): string[] => (fields[key] as string[] | undefined) ?? []
  return specOf({
    image: (fields['image'] as string | undefined) ?? 'host:',
    environment: (fields['environment'] as Record<string, string> | undefined) ?? {},
    restart: { condition: (fields['restart'] as 'no' | undefined) ?? 'no' },
    stopGraceMs: ((fields['grace'] as number | undefined) ?? 10) * 1000,
    network: networkModeOf(fields, list('networks')),
    mounts: list('volumes').map((text) => mountOf(text, name)),
    ports: list('ports').map(portOf),
  })
}

function networkModeOf(fields: Fields, networks: readonly string[]): ContainerSpec['network'] {
  const service = /^service:(.+)$/u.exec((fields['network_mode'] as string | undefined) ?? '')?.[1]
  if (service !== undefined) return { kind: 'service', service }
  if (networks.length === 0) return { kind: 'none' }
  return {
    kind: 'networks',
    attachments: networks.map((network) => ({
      network,
      aliases: [],
      gatewayPriority: 0,
      priority: 0,
    })),
  }
}

function mountOf(text: string, name: string): MountSpec {
  const [first = '', second] = text.split(':')
  return {
    kind: 'volume',
    volume: second === undefined ? `${name}${first}` : first,
    anonymous: second === undefined,
    target: second ?? first,
    readOnly: false,
    nocopy: false,
  }
}

function portOf(text: string): PortSpec {
  const [published, target] = text.split(':').map(Number)
  const first = published ?? 0
  return { published: { first, last: first }, target: target ?? first, protocol: 'tcp' }
}

function dependenciesOf(fields: Fields): Dependency[] {
  const given = (fields['depends_on'] as string[] | Record<string, Fields | null>) ?? []
  const entries = Array.isArray(given)
    ? given.map((service): [string, Fields] => [service, {}])
    : Object.entries(given)
  return entries.map(([service, options]) => ({
    service,
    condition: 'service_started',
    required: true,
    restart: false,
    ...options,
  }))
}

export function networkOf(name: string): NetworkSpec {
  return {
    key: name,
    name,
    external: false,
    internal: false,
    driver: 'bridge',
    driverOptions: {},
    ipv6: false,
    subnets: [],
    labels: {},
  }
}

export function volumeOf(name: string): VolumeSpec {
  return { key: name, name, external: false, driver: 'local', driverOptions: {}, labels: {} }
}

function networkNames({ network }: ContainerSpec): string[] {
  return network.kind === 'networks' ? network.attachments.map((each) => each.network) : []
}

function volumeNames({ mounts }: ContainerSpec): string[] {
  return mounts.flatMap((each) => (each.kind === 'volume' && !each.anonymous ? [each.volume] : []))
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)]
}
