/** The canonical spec of one container. */

import { posix } from 'node:path'
import { SHM_BYTES_DEFAULT } from '../../limits.ts'
import { onUnhealthyOf, type Service } from '../../spec/index.ts'
import type { ContainerSpec } from '../model.ts'
import type { Place } from './context.ts'
import { faultsOf } from './faults.ts'
import { extraHostsOf } from './extra-hosts.ts'
import { healthcheckOf } from './health.ts'
import { loggingOf } from './logging.ts'
import { mountsOf } from './mounts.ts'
import { hooksOf } from './hooks.ts'
import { networkModeOf } from './networks.ts'
import { portsOf, publishAddressOf } from './ports.ts'
import { resourcesOf } from './resources.ts'
import { restartPolicyOf } from './restart.ts'
import { securityOf } from './security.ts'
import { ulimitsOf } from './ulimits.ts'
import { durationMs, sizeBytes, present } from './units.ts'

/** Docker's default between the stop signal and SIGKILL. */
const STOP_GRACE_MS_DEFAULT = 10_000

/** Everything about a container whose change means another container. */
export function containerSpec(place: Place): ContainerSpec {
  const { service } = place
  return present({
    ...programOf(place),
    ...securityOf(service, place.directory),
    ...resolverOf(service),
    restart: restartPolicyOf(service),
    healthcheck: healthcheckOf(service.healthcheck),
    onUnhealthy: unhealthyWish(service),
    hooks: hooksOf(service),
    mounts: mountsOf(place),
    network: networkModeOf(place),
    ports: portsOf(service, publishAddressOf(place.stack)),
    faults: faultsOf(service),
    resources: resourcesOf(service),
    ulimits: ulimitsOf(service),
    shmBytes: sizeBytes(service.shm_size) || SHM_BYTES_DEFAULT,
    oomScoreAdj: service.oom_score_adj,
    labels: service.labels ?? {},
    logging: loggingOf(service),
  })
}

function unhealthyWish(service: Service): ContainerSpec['onUnhealthy'] {
  const said = onUnhealthyOf(service)
  return said === 'none' ? undefined : said
}

/** What is built is named after its service. The path of a directory counts from the project's. */
function imageOf({ stack, serviceName, service, directory }: Place): string {
  const image = service.image ?? `${stack.name}-${serviceName}`
  const [, path = '/'] = /^dir:(.+)$/s.exec(image) ?? []
  return path.startsWith('/') ? image : `dir:${posix.resolve(directory, path)}`
}

/** What runs, as whom, and how it is stopped. */
function programOf(place: Place) {
  const { service, name } = place
  return {
    image: imageOf(place),
    platform: service.platform,
    entrypoint: service.entrypoint ?? undefined,
    command: service.command ?? undefined,
    environment: environmentOf(service),
    workingDir: service.working_dir,
    user: service.user,
    groupAdd: service.group_add,
    hostname: service.hostname ?? hostnameOf(name),
    domainname: service.domainname,
    init: service.init ?? false,
    tty: service.tty ?? false,
    stdinOpen: service.stdin_open ?? false,
    readOnly: service.read_only ?? false,
    stopSignal: signalName(service.stop_signal ?? 'SIGTERM'),
    stopGraceMs: durationMs(service.stop_grace_period) ?? STOP_GRACE_MS_DEFAULT,
  }
}

/** A variable without value is not passed on. */
function environmentOf({ environment = {} }: Service): Readonly<Record<string, string>> {
  const entries = Object.entries(environment)
  return Object.fromEntries(
    entries.flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
  )
}

/**
 * Docker takes the container's random id, which changes with every recreation; the container's name
 * is as unique, and stays. A label of a host name has 63 characters at most (RFC 1035) and no `_`
 * or `.`.
 */
function hostnameOf(name: string): string {
  return name
    .replaceAll(/[^a-zA-Z0-9-]/gu, '-')
    .slice(0, 63)
    .replace(/-+$/u, '')
}

/** `INT`, `sigint` and `SIGINT` are one signal; a number stays one. */
function signalName(signal: string): string {
  if (/^\d+$/u.test(signal)) return signal
  return `SIG${signal.toUpperCase().replace(/^SIG/u, '')}`
}

function resolverOf(
  service: Service,
): Pick<ContainerSpec, 'extraHosts' | 'links' | 'dns' | 'dnsSearch' | 'dnsOptions'> {
  const links = linksOf(service)
  return {
    ...(links.length === 0 ? {} : { links }),
    extraHosts: extraHostsOf(service.extra_hosts ?? []),
    dns: service.dns ?? [],
    dnsSearch: service.dns_search ?? [],
    dnsOptions: service.dns_opt ?? [],
  }
}

/** `SERVICE:ALIAS` and `CONTAINER:ALIAS`: without alias the name is found anyway. */
function linksOf({ links = [], external_links: external = [] }: Service) {
  return [...links, ...external].flatMap((link) => {
    const [target = '', name = target] = link.split(':')
    return name === target ? [] : [{ name, target }]
  })
}
