/** The part of the planner's data that is about images. */

import type { Healthcheck } from './model.ts'

export interface DesiredImage {
  /** As {@link ContainerSpec.image}. */
  readonly image: string
  readonly platform?: string
  /** Word of the stack file; where services differ, the one that looks more often. */
  readonly pullPolicy?: string
  /** A service builds it: nobody else is asked for it but by its own policy. */
  readonly isBuilt?: true
  readonly services: readonly string[]
}

/** Absent fields: the image decides. */
export interface OverImage {
  /** The stack file names a stop signal. */
  readonly stopSignal?: true
  /** `none`: the file turns it off; else what the file says of times, but not what to run. */
  readonly healthcheck?: 'none' | Partial<Omit<Healthcheck, 'test'>>
}
