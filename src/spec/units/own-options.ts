/** `x-tsstack` of a service: what no other key says. */

/** What becomes of a container whose check fails for good; Compose leaves it alone. */
export const ON_UNHEALTHY = ['restart', 'stop', 'none'] as const
export type OnUnhealthy = (typeof ON_UNHEALTHY)[number]

/** Undefined when the service does not have the key at all. */
export function ownOptions(service: object): Readonly<Record<string, unknown>> | undefined {
  const said: unknown = (service as { readonly 'x-tsstack'?: unknown })['x-tsstack']
  if (typeof said !== 'object' || said === null || Array.isArray(said)) return undefined
  return said as Readonly<Record<string, unknown>>
}

/** What has no meaning was refused when the file was read. */
export function onUnhealthyOf(service: object): OnUnhealthy {
  const said = ownOptions(service)?.['on-unhealthy']
  return ON_UNHEALTHY.find((word) => word === said) ?? 'none'
}

/** `limits`: procfs tells of the container's limits; else of the whole machine. */
export const PROCFS = ['limits', 'host'] as const

export function procfsOf(service: object): (typeof PROCFS)[number] {
  const said = ownOptions(service)?.['procfs']
  return PROCFS.find((word) => word === said) ?? 'host'
}

/** `true`: that its ports are those of other services as well is meant. */
export const SHARED_PORTS = ['true', 'false'] as const

export function sharesPorts(service: object): boolean {
  return ownOptions(service)?.['shared-ports'] === 'true'
}

/** Limits of huge pages by their size, `{2MB: 64m}`, as they stand in the file. */
export function hugetlbTexts(service: object): Readonly<Record<string, string>> | undefined {
  const said = ownOptions(service)?.['hugetlb']
  if (typeof said !== 'object' || said === null || Array.isArray(said)) return undefined
  const entries = Object.entries(said).map(([size, limit]) => [
    size,
    typeof limit === 'string' || typeof limit === 'number' ? `${limit}` : '',
  ])
  return Object.fromEntries(entries) as Readonly<Record<string, string>>
}

/** A size of pages as the kernel names it, and a limit in bytes or with a unit. */
export function isHugetlb(size: string, limit: string): boolean {
  return /^\d+(?:KB|MB|GB)$/.test(size) && /^\d+(?:[kmg]i?b?|b)?$/i.test(limit)
}
