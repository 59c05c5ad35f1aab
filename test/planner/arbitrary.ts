/** Random stacks and random machines for the property tests. */

import * as fc from '../support/random.ts'
import type {
  DesiredContainer,
  DesiredState,
  ObservedContainer,
  ObservedState,
  PlanOptions,
} from '../../src/planner/index.ts'
import { networkOf, specOf, volumeOf } from './world.ts'

const SERVICES = ['a', 'b', 'c', 'd', 'e']
const NAMES = ['x', 'y', 'z']

interface ServiceShape {
  readonly scale: number
  readonly image: string
  readonly dependsOn: readonly { to: number; required: boolean; restart: boolean }[]
  readonly sharesWith: number | undefined
  readonly networks: readonly string[]
  readonly volumes: readonly string[]
  readonly anonymous: boolean
  readonly port: number | undefined
  readonly restart: 'no' | 'always' | 'on-failure'
}

const serviceShape: fc.Arbitrary<ServiceShape> = fc.record({
  scale: fc.integer({ min: 0, max: 3 }),
  image: fc.constantFrom('one', 'two'),
  dependsOn: fc.array(
    fc.record({
      to: fc.nat(SERVICES.length - 1),
      required: fc.boolean(),
      restart: fc.boolean(),
    }),
    { maxLength: 3 },
  ),
  sharesWith: fc.option(fc.nat(SERVICES.length - 1), { nil: undefined, freq: 6 }),
  networks: fc.subarray(NAMES),
  volumes: fc.subarray(NAMES),
  anonymous: fc.boolean(),
  port: fc.option(fc.integer({ min: 80, max: 82 }), { nil: undefined }),
  restart: fc.constantFrom('no', 'always', 'on-failure'),
})

/** A valid stack: a service depends only on those before it in a random order. */
export const desiredState: fc.Arbitrary<DesiredState> = fc
  .record({
    present: fc.shuffledSubarray(SERVICES),
    shapes: fc.array(serviceShape, { minLength: SERVICES.length, maxLength: SERVICES.length }),
    internal: fc.subarray(NAMES),
    driver: fc.constantFrom('local', 'nfs'),
  })
  .map(({ present, shapes, internal, driver }) => {
    const containers = present.flatMap((service, at) =>
      replicas(service, shapes[at] as ServiceShape, present.slice(0, at)),
    )
    return {
      stack: 's',
      source: { directory: '/s', files: [] },
      services: present,
      containers,
      networks: NAMES.map((name) => ({ ...networkOf(name), internal: internal.includes(name) })),
      volumes: NAMES.map((name) => ({ ...volumeOf(name), driver })),
    }
  })

/** What a machine may look like after some other stack of the same name, in whatever state. */
export const observedState: fc.Arbitrary<ObservedState> = fc
  .tuple(
    desiredState,
    fc.infiniteStream(
      fc.record({
        present: fc.boolean(),
        state: fc.constantFrom('created', 'running', 'restarting', 'exited'),
        exitCode: fc.constantFrom(0, 1, 137),
        stoppedByUser: fc.boolean(),
      }),
    ),
  )
  .map(([desired, facts]) => {
    const next = (): Facts => facts.next().value as Facts
    return {
      stack: 's',
      containers: desired.containers.flatMap((each) => observe(each, next())),
      networks: desired.networks
        .filter(() => next().present)
        .map((spec) => ({ spec, bridge: 'b', subnets: [], gateways: [] })),
      volumes: desired.volumes.filter(() => next().present).map((spec) => ({ spec, path: '/v' })),
    }
  })

export const planOptions: fc.Arbitrary<PlanOptions> = fc.record(
  {
    volumes: fc.boolean(),
    removeOrphans: fc.boolean(),
    forceRecreate: fc.boolean(),
    alwaysRecreateDeps: fc.boolean(),
    noRecreate: fc.boolean(),
    renewAnonymousVolumes: fc.boolean(),
    noDeps: fc.boolean(),
    graceMs: fc.nat(),
  },
  { requiredKeys: [] },
)

interface Facts {
  readonly present: boolean
  readonly state: ObservedContainer['state']
  readonly exitCode: number
  readonly stoppedByUser: boolean
}

function replicas(
  service: string,
  shape: ServiceShape,
  before: readonly string[],
): DesiredContainer[] {
  const earlier = (at: number): string | undefined => before[at % Math.max(1, before.length)]
  const host = shape.sharesWith === undefined ? undefined : earlier(shape.sharesWith)
  const dependsOn = shape.dependsOn.flatMap(({ to, ...rest }) => {
    const needed = earlier(to)
    return needed === undefined
      ? []
      : [{ service: needed, condition: 'service_started' as const, ...rest }]
  })
  return Array.from({ length: shape.scale }, (_, at) => ({
    name: `${service}.${at + 1}`,
    service,
    index: at + 1,
    dependsOn,
    spec: specOf({
      image: shape.image,
      restart: { condition: shape.restart },
      network: networkMode(shape, host),
      mounts: [
        ...shape.volumes.map((volume) => mount(volume, `/${volume}`, false)),
        ...(shape.anonymous ? [mount(`${service}.${at + 1}/tmp`, '/tmp', true)] : []),
      ],
      ports:
        shape.port === undefined
          ? []
          : [
              {
                published: { first: shape.port, last: shape.port },
                target: 80,
                protocol: 'tcp' as const,
              },
            ],
    }),
  }))
}

function networkMode(
  { networks }: ServiceShape,
  host: string | undefined,
): DesiredContainer['spec']['network'] {
  if (host !== undefined) return { kind: 'service', service: host }
  const attachments = networks.map((network) => ({
    network,
    aliases: [],
    gatewayPriority: 0,
    priority: 0,
  }))
  return { kind: 'networks', attachments }
}

function mount(
  volume: string,
  target: string,
  anonymous: boolean,
): DesiredContainer['spec']['mounts'][number] {
  return { kind: 'volume', volume, anonymous, target, readOnly: false, nocopy: false }
}

function observe(container: DesiredContainer, facts: Facts): ObservedContainer[] {
  const { present, state, exitCode, stoppedByUser } = facts
  if (!present) return []
  const hasRun = state !== 'created'
  return [
    {
      ...container,
      state,
      health: 'none',
      attempt: hasRun ? 1 : 0,
      ...(hasRun && state !== 'running' ? { exitCode } : {}),
      oomKilled: false,
      stoppedByUser: state === 'exited' && stoppedByUser,
      addresses: [],
      ports: [],
    },
  ]
}
