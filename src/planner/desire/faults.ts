/** `x-net` of a service: what is wrong with its network on purpose. */

import { bitRateOf, faultTexts, latencyMsOf, percentOf, type Service } from '../../spec/index.ts'
import type { FaultSpec } from '../model.ts'
import { present } from './units.ts'

/** Undefined: nothing is. What is no size was refused when the file was read. */
export function faultsOf(service: Service): FaultSpec | undefined {
  const texts = faultTexts(service)
  if (texts === undefined) return undefined
  return present({
    latencyMs: latencyMsOf(texts['latency'] ?? ''),
    lossPercent: percentOf(texts['loss'] ?? ''),
    bitsPerSecond: bitRateOf(texts['rate'] ?? ''),
  })
}
