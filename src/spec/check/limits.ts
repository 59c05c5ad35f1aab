/** Checks that the two ways to scale and to limit a service agree. */
import type { ServiceRule } from './check.ts'

export const checkScale: ServiceRule = (name, service, { report, placeOf }) => {
  const { scale, deploy, container_name: containerName } = service
  const replicas = deploy?.replicas
  const path = ['services', name]
  if (scale !== undefined && replicas !== undefined && scale !== replicas) {
    report.error({
      rule: 'scale-conflict',
      place: placeOf([...path, 'scale']),
      message: `Cannot scale "${name}": can't set distinct values on 'scale' (${scale}) and 'deploy.replicas' (${replicas})`,
    })
  }
  for (const [key, value] of [
    ['scale', scale],
    ['deploy.replicas', replicas],
  ] as const) {
    if (value === undefined || value >= 0) continue
    report.error({
      rule: 'invalid-value',
      place: placeOf([...path, ...key.split('.')]),
      message: `Cannot use ${value} for services.${name}.${key}: it must be greater than or equal to 0`,
    })
  }
  const count = scale ?? replicas ?? 1
  if (containerName === undefined || count <= 1) return
  const key = scale === undefined ? 'deploy.replicas' : 'scale'
  report.error({
    rule: 'container-name-scaled',
    place: placeOf([...path, 'container_name']),
    message: `Cannot run ${count} containers of "${name}": can't set container_name and ${key}, as a container name must be unique`,
  })
}

export const checkLimits: ServiceRule = (name, service, { report, placeOf }) => {
  const resources = service.deploy?.resources
  const limits = resources?.limits
  const reservations = resources?.reservations
  const pairs = [
    ['cpus', service.cpus, 'limits.cpus', limits, limits?.cpus],
    ['mem_limit', service.mem_limit, 'limits.memory', limits, limits?.memory],
    ['pids_limit', service.pids_limit, 'limits.pids', limits, limits?.pids],
    [
      'mem_reservation',
      service.mem_reservation,
      'reservations.memory',
      reservations,
      reservations?.memory,
    ],
  ] as const
  for (const [key, own, otherKey, section, other] of pairs) {
    if (own === undefined || section === undefined || own === other) continue
    const seen = other === undefined ? 'none' : String(other)
    report.error({
      rule: 'limit-conflict',
      place: placeOf(['services', name, key]),
      message: `Cannot limit "${name}": can't set distinct values on '${key}' (${own}) and 'deploy.resources.${otherKey}' (${seen})`,
    })
  }
}
