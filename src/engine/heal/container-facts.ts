/** A running container as the kernel should have it. */

import { pidfdSendSignal, startTime } from '../../linux/index.ts'
import type { ObservedPort } from '../../planner/index.ts'
import { publishPorts } from '../container/ports.ts'
import type { LiveAttempt, LiveContainer, Machine } from '../machine.ts'
import { attachAll, attachmentsOf, requestsOf } from '../network/attach.ts'
import { networkRecords } from '../network/records.ts'
import { isGuarded } from '../network/request.ts'
import type { AttemptInterface, ContainerRecord } from '../records/container.ts'
import { cgroupSettings } from '../resources.ts'
import type { Fact, LookOptions } from './facts.ts'
import { groupFact } from './group-fact.ts'
import { insideFacts } from './inside-facts.ts'
import { connectLink, type Links } from './links.ts'
import { mountFacts } from './mount-facts.ts'

/** What is looked at once for all containers of a stack. */
export interface Look extends LookOptions {
  readonly links: Links
  /** By the name of their network. */
  readonly bridges: ReadonlyMap<string, string>
  /** Host ends of cables with rules against forged addresses. */
  readonly guarded: () => ReadonlySet<string>
}

/** None of one that does not run: what becomes of it is its restart policy's business. */
export function containerFacts(
  machine: Machine,
  container: LiveContainer,
  look: Look,
): readonly Fact[] {
  const { attempt, record } = container
  if (!attempt || !isRunning(attempt)) return []
  const { mendable = false, limitsOf = always, insideOf = always, mountsOf = always } = look
  const cables = attempt.record.interfaces
    .filter(({ hostInterface }) => hostInterface !== '')
    .map((own) => ({ container, attempt, own, look }))
  const connected = attempt.record.interfaces.filter((own) =>
    isConnected(machine, record, own, look),
  )
  return [
    ...(mendable ? [] : processFacts(container, attempt)),
    ...(insideOf(container) ? groupFact(machine, container, attempt) : []),
    ...(limitsOf(container) ? limitFacts(machine, container, attempt) : []),
    ...cables.map((cable) => linkFact(machine, cable)),
    ...cables.flatMap((cable) => guardFacts(machine, cable)),
    ...(insideOf(container) ? insideFacts(machine, container, attempt, connected) : []),
    ...portFacts(machine, container, attempt),
    ...(mountsOf(container) ? mountFacts(machine, container, attempt) : []),
  ]
}

const always = (): boolean => true

function isRunning({ process, exit }: LiveAttempt): boolean {
  if (process?.pidfd === undefined || exit) return false
  try {
    pidfdSendSignal(process.pidfd, 0)
    return true
  } catch {
    return false // It has just ended, and its report is on the way.
  }
}

function processFacts({ record }: LiveContainer, attempt: LiveAttempt): readonly Fact[] {
  const { monitor } = attempt.record
  if (monitor === undefined) return []
  const isThere = startTime(monitor.pid) === monitor.startTime
  return [
    {
      subject: 'container',
      name: record.name,
      field: 'monitor',
      desired: `pid ${monitor.pid}`,
      // Its end is told by the FIFO, and the container goes with it: nothing to mend here.
      actual: isThere ? `pid ${monitor.pid}` : 'gone',
    },
  ]
}

function limitFacts(
  machine: Machine,
  { record }: LiveContainer,
  attempt: LiveAttempt,
): readonly Fact[] {
  const settings = cgroupSettings(record.spec, machine.cgroups)
  const group = machine.cgroups.open(attempt.record.cgroup)
  const { devices: _, ...limits } = settings
  return group.facts(limits).map(({ file, wanted, actual }) => ({
    subject: 'container',
    name: record.name,
    field: `limit ${file}`,
    desired: wanted,
    actual,
    mend: () => group.update(limits),
  }))
}

interface Cable {
  readonly container: LiveContainer
  readonly attempt: LiveAttempt
  readonly own: AttemptInterface
  readonly look: Look
}

function linkFact(machine: Machine, { container, attempt, own, look }: Cable): Fact {
  const { record } = container
  const { links, bridges } = look
  const bridge = bridges.get(own.network) ?? bridgeElsewhere(machine, record, own)
  const master = links.byName.get(bridge)?.index ?? 0
  const link = links.byName.get(own.hostInterface)
  const desired = `${own.hostInterface} in ${bridge}, up`
  const common = {
    subject: 'container',
    name: record.name,
    field: `interface ${own.network}`,
    desired,
  } as const
  if (link === undefined) {
    return { ...common, actual: 'gone', mend: () => reattach(machine, container, { attempt, own }) }
  }
  const mend = (): void => connectLink(link.index, master === 0 ? undefined : master)
  if (link.master !== master || master === 0) return { ...common, actual: 'in no bridge', mend }
  return { ...common, actual: link.up ? desired : `${own.hostInterface} down`, mend }
}

/** Its network is there, and so is the other end where it has one. */
function isConnected(
  machine: Machine,
  record: ContainerRecord,
  own: AttemptInterface,
  { links, bridges }: Look,
): boolean {
  const bridge = bridges.get(own.network) ?? bridgeElsewhere(machine, record, own)
  const ends = own.hostInterface === '' ? [bridge] : [bridge, own.hostInterface]
  return ends.every((name) => links.byName.has(name))
}

/** Rules that hang on the host's end; with the cable they are made anew. */
function guardFacts(machine: Machine, { container, attempt, own, look }: Cable): readonly Fact[] {
  const { record } = container
  const spec = networkRecords(machine, record).get(own.network)?.spec
  if (spec === undefined || !isGuarded(spec) || attempt.netns === undefined) return []
  if (!isConnected(machine, record, own, look)) return []
  const place = { netns: attempt.netns, present: attempt.record.interfaces }
  const desired = 'own addresses only'
  return [
    {
      subject: 'container',
      name: record.name,
      field: `guard ${own.network}`,
      desired,
      actual: look.guarded().has(own.hostInterface) ? desired : 'gone',
      mend: () => {
        const wanted = requestsOf(machine, record, place, (network) => network === own.network)
        for (const request of wanted) machine.net.guard(request)
      },
    },
  ]
}

/** Of a network of another stack. */
function bridgeElsewhere(
  machine: Machine,
  record: ContainerRecord,
  { network }: AttemptInterface,
): string {
  return networkRecords(machine, record).get(network)?.bridge ?? ''
}

/** Same addresses, same names; what listens in the container goes on listening. */
async function reattach(
  machine: Machine,
  { record }: LiveContainer,
  { attempt, own }: Pick<Cable, 'attempt' | 'own'>,
): Promise<void> {
  const present = attempt.record.interfaces.filter((each) => each !== own)
  const { netns } = attempt
  if (netns !== undefined) await attachAll(machine, record, { netns, present })
}

function portFacts(
  machine: Machine,
  { record }: LiveContainer,
  attempt: LiveAttempt,
): readonly Fact[] {
  const { ports, interfaces } = attempt.record
  if (ports.length === 0 || attachmentsOf(record).length === 0) return []
  const present = machine.net.listPublished().filter(({ container }) => container === record.name)
  return ports.map((port) => ({
    subject: 'container',
    name: record.name,
    field: `port ${port.target}/${port.protocol}`,
    desired: hostPort(port),
    actual: present.some((one) => isSamePort(one, port)) ? hostPort(port) : 'not published',
    mend: async () => {
      await publishPorts(machine, record, interfaces)
    },
  }))
}

const hostPort = ({ hostIp, published }: ObservedPort): string => `${hostIp}:${published}`

function isSamePort(one: ObservedPort, other: ObservedPort): boolean {
  return (
    one.target === other.target &&
    one.protocol === other.protocol &&
    one.published === other.published &&
    one.hostIp === other.hostIp
  )
}
