/** Checks where a service's mounts lie, and what of their sources they show. */
import type { CheckContext, ServiceRule } from './check.ts'
import type { Service } from '../model.ts'

export const checkMounts: ServiceRule = (name, service, context) => {
  checkTargets(name, service, context)
  checkDeviceDirectory(name, service, context)
  checkSubpaths(name, service, context)
  checkFileTargets(name, service, context)
}

/** No two mounts have one target. */
function checkTargets(name: string, service: Service, { report, placeOf }: CheckContext): void {
  const seen = new Map<string, string>()
  const add = (target: string, path: readonly (string | number)[], shown: string): void => {
    const earlier = seen.get(target)
    if (earlier === undefined) {
      seen.set(target, shown)
      return
    }
    report.error({
      rule: 'target-twice',
      place: placeOf(path),
      message:
        `Cannot mount ${shown} of "${name}": ` +
        `the target ${target} is already mounted as ${earlier}`,
    })
  }
  for (const [index, entry] of (service.tmpfs ?? []).entries()) {
    add(entry.split(':')[0] ?? '', ['services', name, 'tmpfs', index], `tmpfs[${index}]`)
  }
  for (const [index, { target }] of (service.volumes ?? []).entries()) {
    add(target, ['services', name, 'volumes', index], `volumes[${index}]`)
  }
}

/**
 * A tmpfs is mounted without devices unless it is told otherwise, and then nobody could open
 * /dev/null: runc refuses that too.
 */
function checkDeviceDirectory(name: string, service: Service, context: CheckContext): void {
  const { report, placeOf, feasibility } = context
  const say = (path: readonly (string | number)[]): void => {
    const finding = {
      rule: 'no-devices',
      place: placeOf(['services', name, ...path]),
      message: `Cannot mount a tmpfs at /dev of "${name}": no device in it could be opened`,
      hint: 'take it out, as every container has a tmpfs there; or write tmpfs: ["/dev:dev"]',
    } as const
    if (feasibility) report.error(finding)
    else report.warn(finding)
  }
  for (const [index, entry] of (service.tmpfs ?? []).entries()) {
    const [target = '', options = ''] = entry.split(':')
    if (isDeviceDirectory(target) && !options.split(',').includes('dev')) say(['tmpfs', index])
  }
  for (const [index, { type, target }] of (service.volumes ?? []).entries()) {
    if (type === 'tmpfs' && isDeviceDirectory(target)) say(['volumes', index])
  }
}

const isDeviceDirectory = (target: string): boolean => partsOf(target).join('/') === 'dev'

/** Docker's rule, which is Go's filepath.IsLocal: nothing above the volume, or beside it. */
function checkSubpaths(name: string, service: Service, { report, placeOf }: CheckContext): void {
  for (const [index, { volume, image }] of (service.volumes ?? []).entries()) {
    for (const [kind, options] of Object.entries({ volume, image })) {
      const { subpath = '' } = options ?? {}
      if (!subpath.startsWith('/') && !partsOf(subpath).includes('..')) continue
      report.error({
        rule: 'invalid-value',
        place: placeOf(['services', name, 'volumes', index, kind, 'subpath']),
        message:
          `Cannot mount "${subpath}" of "${name}": ` +
          `a subpath must be a relative path within the ${kind}`,
      })
    }
  }
}

/** Configs and secrets are files, which cannot lie where a path leads to a directory. */
function checkFileTargets(name: string, service: Service, context: CheckContext): void {
  const { report, placeOf, feasibility } = context
  for (const section of ['configs', 'secrets'] as const) {
    for (const [index, { source, target = source }] of (service[section] ?? []).entries()) {
      const last = target.split('/').findLast((part) => part !== '')
      if (last !== undefined && last !== '.' && last !== '..') continue
      const finding = {
        rule: 'invalid-value',
        place: placeOf(['services', name, section, index, 'target']),
        message:
          `Cannot put "${source}" of "${name}" at "${target}": ` +
          'it is a file, and that is a directory',
        hint: 'end the target with the name that the file is to have',
      } as const
      if (feasibility) report.error(finding)
      else report.warn(finding)
    }
  }
}

/** Names on the way to `path`; those that lead above its beginning stay. */
function partsOf(path: string): readonly string[] {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else parts.push(part)
  }
  return parts
}
