/** Images that a stack builds: what of `build:` the builder is told. */

import type { Build, Service, Stack } from '../../spec/index.ts'
import type { DesiredBuild } from '../model-build.ts'
import { valueKey } from '../model-isolation.ts'
import { extraHostsOf } from './extra-hosts.ts'
import { ulimitsOf } from './ulimits.ts'
import { present, sizeBytes } from './units.ts'

/** In the order of `services`. */
export function buildsOf(stack: Stack, services: readonly string[]): readonly DesiredBuild[] {
  return services.flatMap((name) => {
    const service = stack.services[name]
    return service?.build === undefined ? [] : [buildOf(stack, name, service, service.build)]
  })
}

function buildOf(stack: Stack, name: string, service: Service, build: Build): DesiredBuild {
  const ownPlatform = service.platform === undefined ? [] : [service.platform]
  return present({
    service: name,
    // What is built is named after its service.
    image: service.image ?? `${stack.name}-${name}`,
    ...inputsOf(build),
    ...cachesOf(build),
    network: build.network,
    secrets: secretsOf(stack, build),
    ssh: build.ssh ?? [],
    shmBytes: sizeBytes(build.shm_size) || undefined,
    extraHosts: extraHostsOf(build.extra_hosts ?? []),
    platforms: build.platforms ?? ownPlatform,
    ulimits: build.ulimits && ulimitsOf(build),
    cacheFrom: build.cache_from,
    cacheTo: build.cache_to,
  })
}

/** What is built from what. */
function inputsOf(build: Build) {
  return {
    tags: build.tags ?? [],
    context: build.context ?? '.',
    dockerfile: build.dockerfile,
    dockerfileInline: build.dockerfile_inline,
    target: build.target,
    args: build.args ?? {},
    contexts: build.additional_contexts ?? {},
    labels: build.labels ?? {},
  }
}

function cachesOf(build: Build) {
  return {
    noCache: build.no_cache ?? false,
    noCacheStages: build.no_cache_filter ?? [],
    pull: build.pull ?? false,
  }
}

function secretsOf(stack: Stack, { secrets = [] }: Build): DesiredBuild['secrets'] {
  return secrets.flatMap(({ source, target }) => {
    const definition = stack.secrets?.[source]
    if (definition === undefined) return []
    const id = target ?? source
    const value = valueKey({ object: 'secret', name: source })
    return [definition.file === undefined ? { id, value } : { id, file: definition.file }]
  })
}
