/** Names of the images of a stack. */
import type { Stack } from '../model.ts'

/**
 * One for each service: its `image`, or the name that a built image gets, `<project>-<service>`.
 */
export function imageNames(stack: Stack): readonly string[] {
  return Object.entries(stack.services).map(([name, { image }]) => image ?? `${stack.name}-${name}`)
}
