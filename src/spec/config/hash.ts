/** A hash of what makes a service's containers what they are. */
import type { Service } from '../model.ts'
import { sha256 } from './sha256.ts'

/** SHA-256 in hexadecimal. What only decides how many containers there are, or when, does not count. */
export function serviceHash(service: Service): string {
  const { build, pull_policy, scale, depends_on, profiles, deploy, ...rest } = service
  const counted =
    deploy === undefined ? rest : { ...rest, deploy: { ...deploy, replicas: undefined } }
  return sha256(JSON.stringify(sortKeys(counted)))
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, child]) => [key, sortKeys(child)]),
  )
}
