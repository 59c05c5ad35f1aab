/** Whether there is anything of a container to stop. */

import type { ContainerState } from './model.ts'

/** Its program runs, stands still, or will be started again without anybody asking. */
export function isAlive({ state }: { readonly state: ContainerState }): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting'
}
