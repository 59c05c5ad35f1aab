/** Stacks that chance writes: a few services with programs, policies, replicas and dependencies. */
import type {
  Dependency,
  DesiredContainer,
  DesiredState,
  ServiceUpdate,
} from '../../../src/planner/index.ts'
import { specOf } from '../../planner/world.ts'
import type { Random } from './random.ts'

const NAMES = ['a', 'b', 'c', 'd'] as const
const NETWORK = 'sim_default'

export function randomStack(stack: string, random: Random): DesiredState {
  const services = NAMES.filter(() => random.chance(65))
  const present = services.length > 0 ? services : [NAMES[0]]
  const containers = present.flatMap((service, at) =>
    replicas(stack, { service, before: present.slice(0, at) }, random),
  )
  const updates = present
    .filter(() => random.chance(40))
    .map((service) => [service, randomUpdate(service, containers, random)] as const)
  const isUsed = containers.some(({ spec }) => spec.network.kind === 'networks')
  return {
    stack,
    source: { directory: '/sim', files: ['/sim/stack.yaml'] },
    services: present,
    containers,
    networks: isUsed ? [network()] : [],
    volumes: [],
    updates: Object.fromEntries(updates),
  }
}

/** A job that fails, or a program that crashes, must not hold up all that follows. */
function randomUpdate(
  service: string,
  containers: readonly DesiredContainer[],
  random: Random,
): ServiceUpdate {
  const own = containers.filter((each) => each.service === service)
  const isServer = own[0]?.spec.command?.[0] === 'server'
  const rule = {
    parallelism: random.between(0, 2),
    order: random.pick(['start-first', 'start-first', 'stop-first'] as const),
    delayMs: random.pick([0, 50]),
    monitorMs: random.pick([0, 10, 500]),
    failureAction: isServer ? random.pick(['pause', 'continue', 'rollback'] as const) : 'continue',
    maxFailureRatio: 0,
  } as const
  const spares = own.map((each) => {
    const index = each.index + own.length
    return { ...each, index, name: each.name.replace(/\d+$/, String(index)) }
  })
  return { update: rule, rollback: rule, spares }
}

interface Place {
  readonly service: string
  /** Services that it may depend on. */
  readonly before: readonly string[]
}

function replicas(stack: string, place: Place, random: Random): readonly DesiredContainer[] {
  const { service } = place
  const spec = specOf({
    command: randomProgram(random),
    environment: { EDIT: String(random.between(1, 3)) },
    restart: { condition: random.pick(['no', 'always', 'on-failure', 'unless-stopped']) },
    stopGraceMs: random.pick([0, 100, 10_000]),
    network: random.chance(70)
      ? {
          kind: 'networks',
          attachments: [{ network: NETWORK, aliases: [service], gatewayPriority: 0, priority: 0 }],
        }
      : { kind: 'none' },
  })
  const dependsOn = randomDependencies(place.before, random)
  return Array.from({ length: random.pick([1, 1, 1, 2]) }, (_, at) => ({
    name: `${stack}-${service}-${at + 1}`,
    service,
    index: at + 1,
    spec,
    dependsOn,
  }))
}

function randomProgram(random: Random): readonly string[] {
  const kind = random.pick(['server', 'server', 'server', 'job', 'crash'])
  return [kind, String(random.pick([0, 5, 150, 3000]))]
}

/** Of servers alone a start is all that can be waited for without end. */
function randomDependencies(before: readonly string[], random: Random): readonly Dependency[] {
  return before
    .filter(() => random.chance(30))
    .map((service) => ({
      service,
      condition: 'service_started',
      required: random.chance(80),
      restart: random.chance(30),
    }))
}

function network(): DesiredState['networks'][number] {
  return {
    key: 'default',
    name: NETWORK,
    external: false,
    internal: false,
    driver: 'bridge',
    driverOptions: {},
    ipv6: false,
    subnets: [],
    labels: {},
  }
}

/** One service that runs for `lastsMs`, fails, and is always started again: `STACK-a-1`. */
export function crashing(stack: string, lastsMs: number): DesiredState {
  const spec = specOf({
    command: ['crash', String(lastsMs)],
    restart: { condition: 'always' },
    network: { kind: 'none' },
  })
  return {
    stack,
    source: { directory: '/sim', files: ['/sim/stack.yaml'] },
    services: ['a'],
    containers: [{ name: `${stack}-a-1`, service: 'a', index: 1, spec, dependsOn: [] }],
    networks: [],
    volumes: [],
  }
}
