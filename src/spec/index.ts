/** Front door of the spec room: Compose text in, a typed `Stack` with diagnostics out. */
export { loadStack } from './load.ts'
export type { Deploy, DeployRestartPolicy, ResourceLimits, UpdateConfig } from './model-deploy.ts'
export type { Build, Develop, ServiceHook } from './model-build.ts'
export type * from './model.ts'
export type * from './request.ts'
