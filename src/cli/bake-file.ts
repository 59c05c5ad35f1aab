/** What a stack builds, as the file that `docker buildx bake` reads. */

import type { DesiredBuild } from '../planner/index.ts'

export function bakeFile(builds: readonly DesiredBuild[]): object {
  const targets = builds.map((build) => [build.service, targetOf(build)] as const)
  return {
    group: { default: { targets: targets.map(([name]) => name) } },
    target: Object.fromEntries(targets),
  }
}

function targetOf(build: DesiredBuild): object {
  const { context, dockerfile, dockerfileInline, target, args, labels, contexts } = build
  const fields = {
    context,
    dockerfile,
    'dockerfile-inline': dockerfileInline,
    target,
    args,
    labels,
    contexts,
    tags: [build.image, ...build.tags],
    platforms: build.platforms,
    ssh: build.ssh,
    'cache-from': build.cacheFrom,
    'cache-to': build.cacheTo,
    'no-cache': build.noCache,
    'no-cache-filter': build.noCacheStages,
    pull: build.pull,
    network: build.network,
    'shm-size': build.shmBytes === undefined ? undefined : String(build.shmBytes),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isSaid(value)))
}

function isSaid(value: unknown): boolean {
  if (value === undefined || value === false) return false
  return typeof value !== 'object' || value === null || Object.keys(value).length > 0
}
