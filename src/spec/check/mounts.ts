/** Checks that no two mounts of a service have one target. */
import type { ServiceRule } from './check.ts'

export const checkMounts: ServiceRule = (name, service, { report, placeOf }) => {
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
