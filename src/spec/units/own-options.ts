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
