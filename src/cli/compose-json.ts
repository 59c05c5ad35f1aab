/**
 * What `--format json` prints: the fields of Docker Compose, by their names, for scripts that were
 * written for it. Of our own, which say more, is `--json`.
 */

import type { NetworkReading, StackSummary, UsageSample, VolumeReading } from '../daemon/index.ts'
import type { StoredImage } from '../image/index.ts'
import type { ObservedContainer, ObservedVolume } from '../planner/index.ts'
import { portsText } from './container-text.ts'
import { durationText } from './duration.ts'
import { memoryText, trafficText } from './size-text.ts'

/** One of the lines of `ps`. There are no ids but names. */
export function psLine(container: ObservedContainer, stack: string, now: number): string {
  const { name, service, state, health, exitCode, ports, addresses, startedAt } = container
  const { image, mounts } = container.spec
  const volumes = mounts.flatMap((mount) => (mount.kind === 'volume' ? [mount.volume] : []))
  return JSON.stringify({
    Command: JSON.stringify(
      [...(container.spec.entrypoint ?? []), ...(container.spec.command ?? [])].join(' '),
    ),
    CreatedAt: startedAt === undefined ? '' : goTime(startedAt),
    ExitCode: state === 'exited' ? (exitCode ?? 0) : 0,
    Health: health === 'none' ? '' : health,
    ID: name,
    Image: image,
    Labels: pairs({ ...container.spec.labels, ...composeLabels(container, stack) }),
    LocalVolumes: `${volumes.length}`,
    Mounts: mounts.map((mount) => ('volume' in mount ? mount.volume : mount.target)).join(','),
    Name: name,
    Names: name,
    Networks: addresses.map(({ network }) => network).join(','),
    Ports: ports.length === 0 ? '' : portsText(container),
    Project: stack,
    Publishers: ports.map(({ hostIp, target, published, protocol }) => ({
      URL: hostIp,
      TargetPort: target,
      PublishedPort: published,
      Protocol: protocol,
    })),
    RunningFor: startedAt === undefined ? '' : `${durationText(now - startedAt)} ago`,
    Service: service,
    State: state,
    Status: statusOf(container, now),
  })
}

/** `Up 3 minutes (healthy)`, `Exited (137) 2 seconds ago`, as Docker says it. */
function statusOf(container: ObservedContainer, now: number): string {
  const { state, health, startedAt = now, finishedAt = now, exitCode = 0 } = container
  const ago = `(${exitCode}) ${durationText(now - finishedAt)} ago`
  if (state === 'created') return 'Created'
  if (state === 'exited') return `Exited ${ago}`
  if (state === 'restarting') return `Restarting ${ago}`
  const checked = health === 'starting' ? 'health: starting' : health
  const note = state === 'paused' ? 'Paused' : checked
  return `Up ${durationText(now - startedAt)}${note === 'none' ? '' : ` (${note})`}`
}

function composeLabels(
  { service, index, oneOff }: ObservedContainer,
  stack: string,
): Readonly<Record<string, string>> {
  return {
    'com.docker.compose.project': stack,
    'com.docker.compose.service': service,
    'com.docker.compose.container-number': `${index}`,
    'com.docker.compose.oneoff': oneOff === undefined ? 'False' : 'True',
  }
}

function pairs(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}

/** `2026-11-22 01:00:00 +0000 UTC`. */
function goTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`
}

/** The array of `ls`; `status` as in its table. */
export function lsItem({ name, source }: StackSummary, status: string): unknown {
  return { Name: name, Status: status, ConfigFiles: source?.files.join(',') ?? '' }
}

/** One of the lines of `network ls`. There are no ids but names, and no times of creation. */
export function networkLine(network: NetworkReading): string {
  const { spec } = network
  return JSON.stringify({
    CreatedAt: '',
    Driver: spec.driver,
    ID: spec.name,
    IPv4: `${spec.ipv4 !== false}`,
    IPv6: `${spec.ipv6}`,
    Internal: `${spec.internal}`,
    Labels: pairs(networkLabels(network)),
    Name: spec.name,
    Scope: 'local',
  })
}

export function networkLabels({
  spec,
  stack,
}: Pick<NetworkReading, 'spec' | 'stack'>): Readonly<Record<string, string>> {
  if (stack === undefined) return spec.labels
  const own = { 'com.docker.compose.project': stack, 'com.docker.compose.network': spec.key }
  return { ...spec.labels, ...own }
}

/** For each stack that has it, as Compose labels it; a volume of none has its own. */
export function volumeLabels({
  spec,
  stacks,
}: Pick<VolumeReading, 'spec' | 'stacks'>): readonly Readonly<Record<string, string>>[] {
  if (stacks.length === 0) return [spec.labels]
  return stacks.map((stack) => ({
    ...spec.labels,
    'com.docker.compose.project': stack,
    'com.docker.compose.volume': spec.key,
  }))
}

/** One of the lines of `volumes` and of `volume ls`. */
export function volumeLine({ spec, path }: Pick<ObservedVolume, 'spec' | 'path'>): string {
  return JSON.stringify({
    Availability: 'N/A',
    Driver: spec.driver,
    Group: 'N/A',
    Labels: pairs(spec.labels),
    Links: 'N/A',
    Mountpoint: path,
    Name: spec.name,
    Scope: 'local',
    Size: 'N/A',
    Status: 'N/A',
  })
}

/** One of the lines of `stats`. */
export function statsLine(
  container: string,
  { usage, cpuPercent = 0 }: { readonly usage?: UsageSample; readonly cpuPercent?: number },
): string {
  const none = { memoryBytes: 0, memoryBytesMax: 0, pids: 0 }
  const traffic = { receivedBytes: 0, sentBytes: 0, readBytes: 0, writtenBytes: 0 }
  const used = usage ?? { ...none, ...traffic }
  const share = used.memoryBytesMax === 0 ? 0 : (100 * used.memoryBytes) / used.memoryBytesMax
  return JSON.stringify({
    BlockIO: `${trafficText(used.readBytes)} / ${trafficText(used.writtenBytes)}`,
    CPUPerc: `${cpuPercent.toFixed(2)}%`,
    Container: container,
    ID: container,
    MemPerc: `${share.toFixed(2)}%`,
    MemUsage: `${memoryText(used.memoryBytes)} / ${memoryText(used.memoryBytesMax)}`,
    Name: container,
    NetIO: `${trafficText(used.receivedBytes)} / ${trafficText(used.sentBytes)}`,
    PIDs: `${used.pids}`,
  })
}

/** One of the array of `images`; `name` as the reference is written in full. */
export function imageItem(name: string | undefined, image: StoredImage, bytes: number): unknown {
  const colon = name?.lastIndexOf(':') ?? -1
  const hasTag = name !== undefined && colon > name.lastIndexOf('/')
  return {
    ID: image.id,
    ContainerName: '',
    Repository: (hasTag ? name.slice(0, colon) : name) ?? '<none>',
    Tag: hasTag ? name.slice(colon + 1) : '<none>',
    Platform: image.platform,
    Size: bytes,
    ...(image.created !== undefined && { Created: image.created }),
  }
}
