/** Leaves out resources that no active service uses. */
import type { Service, Stack } from '../model.ts'
import { recordOf } from '../tree/plain.ts'

export function withoutUnused(stack: Stack): Stack {
  const services = Object.values(stack.services)
  return {
    ...stack,
    ...section(
      'networks',
      stack.networks,
      used(services, (service) => Object.keys(service.networks ?? {})),
    ),
    ...section('volumes', stack.volumes, used(services, volumeNames)),
    ...section('secrets', stack.secrets, used(services, secretNames)),
    ...section(
      'configs',
      stack.configs,
      used(services, (service) => (service.configs ?? []).map(({ source }) => source)),
    ),
    ...section(
      'models',
      stack.models,
      used(services, (service) => Object.keys(service.models ?? {})),
    ),
  }
}

function used(
  services: readonly Service[],
  names: (service: Service) => readonly string[],
): ReadonlySet<string> {
  return new Set(services.flatMap(names))
}

function volumeNames({ volumes = [] }: Service): readonly string[] {
  return volumes.flatMap(({ type, source }) =>
    type === 'volume' && source !== undefined ? [source] : [],
  )
}

function secretNames({ secrets = [], build }: Service): readonly string[] {
  return [...secrets, ...(build?.secrets ?? [])].map(({ source }) => source)
}

/**
 * The section with used names only; without any, the key is there but undefined, so that it goes.
 */
function section<T>(
  key: string,
  resources: Readonly<Record<string, T>> | undefined,
  names: ReadonlySet<string>,
): Record<string, Readonly<Record<string, T>> | undefined> {
  const kept = Object.entries(resources ?? {}).filter(([name]) => names.has(name))
  return { [key]: kept.length === 0 ? undefined : recordOf(kept) }
}
