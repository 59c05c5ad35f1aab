/** The planner: desired state minus observed state is a plan. Pure. The front door of this room. */

export type * from './model.ts'
export type * from './model-hooks.ts'
export type * from './model-isolation.ts'
export type * from './model-logging.ts'
export { valueKey } from './model-isolation.ts'
export { renderLogTag } from '../spec/index.ts'
export type { PlanOptions } from './options.ts'
export { startsAtBoot } from './boot.ts'
export { compareStacks, type Difference } from './compare.ts'
export { judgeCondition, type ConditionState } from './condition.ts'
export { audit, type AuditedService } from './audit/audit.ts'
export type { Finding, Severity } from './audit/rules.ts'
export { desire, type DesireOptions } from './desire.ts'
export { didYouMean } from './did-you-mean.ts'
export { describe, describeField, describeShort, type DescribeOptions } from './describe.ts'
export { diffSpec } from './diff.ts'
export { effect } from './effect.ts'
export {
  applyProbe,
  initialHealth,
  nextProbe,
  type HealthStatus,
  type NextProbe,
  type ProbeResult,
} from './health.ts'
export { impactOf, impactText, type Impact } from './impact.ts'
export { asInstance, oneOffAsInstance, portBlock } from './instance.ts'
export { isAlive } from './is-alive.ts'
export {
  planLifecycle,
  type LifecycleOptions,
  type LifecycleRequest,
  type LifecycleVerb,
} from './lifecycle.ts'
export { desireOneOff, planOneOff, type OneOffChanges, type OneOffRequest } from './one-off.ts'
export { mapPlaces, placesOf } from './places.ts'
export { plainContainer } from './plain-container.ts'
export { plan, type PlanRequest } from './plan.ts'
export { attachedNetworks, mountedVolumes } from './resources.ts'
export { planToJson, type ActionJson, type PlanJson } from './plan-json.ts'
export { knownChanges, SPEC_VERSION } from './spec-version.ts'
export { judgeReady, type Readiness } from './ready.ts'
export {
  decideRestart,
  FIRST_RUN,
  type Exit,
  type RestartDecision,
  type RestartMemory,
} from './restart.ts'
export { checkServices, serviceNames } from './select.ts'
export type { Step, StepChange, Summary } from './steps.ts'
export { withImages, type ImageFacts } from './with-images.ts'
