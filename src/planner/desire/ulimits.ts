/** Limits of processes: one number is both the soft and the hard one. */

import type { Service } from '../../spec/index.ts'
import type { ContainerSpec } from '../model.ts'
import { sortedNames } from '../order.ts'

export function ulimitsOf({ ulimits = {} }: Pick<Service, 'ulimits'>): ContainerSpec['ulimits'] {
  return Object.fromEntries(
    sortedNames(Object.keys(ulimits)).map((name) => {
      const limit = ulimits[name] ?? 0
      return [name, typeof limit === 'number' ? { soft: limit, hard: limit } : limit]
    }),
  )
}
