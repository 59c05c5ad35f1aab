/** The effective privileges of every service, and what about them is worth a second look. */

import type { ContainerSpec, DesiredState } from '../model.ts'
import { sortedNames } from '../order.ts'
import { type Finding, findingsOf } from './rules.ts'

/** Of one service: its replicas are alike. */
export interface AuditedService {
  readonly service: string
  readonly user: string
  /** Whose ids its users are: `host`, `own`, `service:x` or `container:x`. */
  readonly userNamespace: string
  readonly privileged: boolean
  /** `ALL` for every one that root has. */
  readonly capabilities: readonly string[]
  /** `default`, `unconfined`, or the path of a profile. */
  readonly seccomp: string
  readonly noNewPrivileges: boolean
  readonly readOnly: boolean
  /** `pid`, `network` …: those of the host, and `pid=service:x` for one that is shared. */
  readonly sharedNamespaces: readonly string[]
  readonly writableHostPaths: readonly string[]
  readonly devices: readonly string[]
  /** `0.0.0.0:8080->80/tcp`. */
  readonly published: readonly string[]
  readonly findings: readonly Finding[]
}

export interface AuditOptions {
  /** What a container has without asking. */
  readonly defaultCapabilities: readonly string[]
}

/** Sorted by service. */
export function audit(
  { containers, services = [] }: DesiredState,
  options: AuditOptions,
): readonly AuditedService[] {
  const names = sortedNames(new Set([...services, ...containers.map(({ service }) => service)]))
  return names.flatMap((name) => {
    const spec = containers.find(({ service }) => service === name)?.spec
    return spec === undefined ? [] : [auditService(name, spec, options)]
  })
}

function auditService(
  service: string,
  spec: ContainerSpec,
  { defaultCapabilities }: AuditOptions,
): AuditedService {
  const { privileged, seccomp } = spec
  const filter = typeof seccomp === 'string' ? seccomp : seccomp.file
  return {
    service,
    user: spec.user ?? '',
    userNamespace: userNamespaceOf(spec),
    privileged,
    capabilities: capabilitiesOf(spec, defaultCapabilities),
    seccomp: privileged && filter === 'default' ? 'unconfined' : filter,
    noNewPrivileges: spec.noNewPrivileges,
    readOnly: spec.readOnly,
    sharedNamespaces: sharedNamespaces(spec),
    writableHostPaths: spec.mounts.flatMap((mount) =>
      mount.kind === 'bind' && !mount.readOnly ? [mount.source] : [],
    ),
    devices: [
      ...(privileged ? ['all'] : []),
      ...(spec.devices ?? []).map(({ source, access }) => `${source}:${access}`),
      ...(spec.cdi ?? []),
      ...(spec.deviceRules ?? []),
    ],
    published: spec.ports.map(publishedText),
    findings: findingsOf(spec),
  }
}

function userNamespaceOf({ namespaces }: ContainerSpec): string {
  const mode = namespaces?.user
  if (mode === undefined) return 'host'
  if (mode.kind === 'own') return 'own'
  return mode.kind === 'service' ? `service:${mode.service}` : `container:${mode.container}`
}

function capabilitiesOf(
  { privileged, capAdd, capDrop }: ContainerSpec,
  defaults: readonly string[],
): readonly string[] {
  if (privileged || (capAdd.includes('ALL') && !capDrop.includes('ALL'))) return ['ALL']
  const kept = capDrop.includes('ALL') ? [] : defaults.filter((name) => !capDrop.includes(name))
  return sortedNames(new Set([...kept, ...capAdd]))
}

function sharedNamespaces({ namespaces = {}, network }: ContainerSpec): readonly string[] {
  const modes = Object.entries({ ...namespaces, network })
  return sortedNames(
    modes.flatMap(([name, mode]) => {
      if (mode.kind === 'host') return [name]
      if (mode.kind === 'service') return [`${name}=service:${mode.service}`]
      return mode.kind === 'container' ? [`${name}=container:${mode.container}`] : []
    }),
  )
}

function publishedText({
  hostIp,
  published,
  target,
  protocol,
}: ContainerSpec['ports'][number]): string {
  const range =
    published === undefined
      ? 'any'
      : published.first === published.last
        ? String(published.first)
        : `${published.first}-${published.last}`
  return `${hostIp ?? '0.0.0.0'}:${range}->${target}/${protocol}`
}
