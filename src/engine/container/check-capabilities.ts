/** Refuses names in `cap_add` and `cap_drop` that no capability has. */

import { EngineError } from '../../errors.ts'
import { CAPABILITIES } from '../../linux/index.ts'
import { type ContainerSpec, didYouMean } from '../../planner/index.ts'

const KNOWN = new Set(['ALL', ...CAPABILITIES])

export function checkCapabilities(container: string, { capAdd, capDrop }: ContainerSpec): void {
  const name = [...capAdd, ...capDrop].find((each) => !KNOWN.has(each))
  if (name === undefined) return
  const guess = didYouMean(name, CAPABILITIES)
  throw new EngineError('LAUNCH', `Cannot start "${container}": unknown capability "${name}"`, {
    hint: guess === undefined ? 'see capabilities(7) for their names' : `Did you mean "${guess}"?`,
  })
}
