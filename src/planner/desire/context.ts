/** Where a container stands in its stack. */

import type { Service, Stack } from '../../spec/index.ts'

export interface Place {
  readonly stack: Stack
  /** Of the project. */
  readonly directory: string
  readonly serviceName: string
  readonly service: Service
  /** Name of the container. */
  readonly name: string
  /** Number of the replica, from 1. */
  readonly index: number
}

/** `<stack>-<service>-<N>`, or the `container_name` of the service. */
export function containerName(stack: Stack, serviceName: string, index: number): string {
  const fixed = stack.services[serviceName]?.container_name
  return fixed ?? `${stack.name}-${serviceName}-${index}`
}
