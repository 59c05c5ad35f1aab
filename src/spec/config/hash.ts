/** A hash of what makes a service's containers what they are. */
import type { Service } from '../model.ts'

/** Turns a text into a short one that stands for it, such as SHA-256 in hexadecimal. */
export type Digest = (text: string) => string

/** Keys that only decide how many containers there are, when, or how their image comes about. */
const UNCOUNTED = new Set(['build', 'pull_policy', 'scale', 'depends_on', 'profiles'])

export function serviceHash(service: Service, digest: Digest): string {
  const counted = Object.fromEntries(Object.entries(service).filter(([key]) => !UNCOUNTED.has(key)))
  const { deploy } = service
  const withDeploy =
    deploy === undefined ? counted : { ...counted, deploy: { ...deploy, replicas: undefined } }
  return digest(JSON.stringify(sortKeys(withDeploy)))
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
