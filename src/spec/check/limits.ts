/** Checks that the two ways to scale and to limit a service agree. */
import type { Service } from '../model.ts'
import type { CheckContext, ServiceRule } from './check.ts'

export const checkScale: ServiceRule = (name, service, context) => {
  const { scale, deploy } = service
  const replicas = deploy?.replicas
  if (scale !== undefined && replicas !== undefined && scale !== replicas) {
    context.report.error({
      rule: 'scale-conflict',
      place: context.placeOf(['services', name, 'scale']),
      message:
        `Cannot scale "${name}": can't set distinct values on 'scale' (${scale}) and ` +
        `'deploy.replicas' (${replicas})`,
    })
  }
  checkCount(name, ['scale'], scale, context)
  checkCount(name, ['deploy', 'replicas'], replicas, context)
  checkName(name, service, context)
}

function checkCount(
  name: string,
  key: readonly string[],
  value: number | undefined,
  { report, placeOf }: CheckContext,
): void {
  if (value === undefined || value >= 0) return
  report.error({
    rule: 'invalid-value',
    place: placeOf(['services', name, ...key]),
    message:
      `Cannot use ${value} for services.${name}.${key.join('.')}: ` +
      'it must be greater than or equal to 0',
  })
}

function checkName(name: string, service: Service, { report, placeOf }: CheckContext): void {
  const { scale, deploy, container_name: containerName } = service
  const count = scale ?? deploy?.replicas ?? 1
  if (containerName === undefined || count <= 1) return
  const key = scale === undefined ? 'deploy.replicas' : 'scale'
  report.error({
    rule: 'container-name-scaled',
    place: placeOf(['services', name, 'container_name']),
    message:
      `Cannot run ${count} containers of "${name}": ` +
      `can't set container_name and ${key}, as a container name must be unique`,
  })
}

/** Once a section of deploy.resources is there, it has to say the same as the short key. */
export const checkLimits: ServiceRule = (name, service, context) => {
  const { limits, reservations } = service.deploy?.resources ?? {}
  if (limits !== undefined) {
    compare(
      name,
      { key: 'cpus', value: service.cpus, other: limits.cpus, path: 'limits.cpus' },
      context,
    )
    compare(
      name,
      { key: 'mem_limit', value: service.mem_limit, other: limits.memory, path: 'limits.memory' },
      context,
    )
    compare(
      name,
      { key: 'pids_limit', value: service.pids_limit, other: limits.pids, path: 'limits.pids' },
      context,
    )
  }
  if (reservations === undefined) return
  const { mem_reservation: value } = service
  const path = 'reservations.memory'
  compare(name, { key: 'mem_reservation', value, other: reservations.memory, path }, context)
}

interface Pair {
  readonly key: string
  readonly value: number | string | undefined
  readonly other: number | string | undefined
  readonly path: string
}

function compare(name: string, { key, value, other, path }: Pair, context: CheckContext): void {
  if (value === undefined || value === other) return
  context.report.error({
    rule: 'limit-conflict',
    place: context.placeOf(['services', name, key]),
    message:
      `Cannot limit "${name}": can't set distinct values on '${key}' (${value}) and ` +
      `'deploy.resources.${path}' (${other ?? 'none'})`,
  })
}
