/** Front door of the spec room: Compose text in, a typed `Stack` with diagnostics out. */
export { renderConfig } from './config/render.ts'
export type { ConfigList, ConfigOptions, ConfigResult } from './config/render.ts'
export { loadStack } from './load.ts'
export { diagnosticsJson, diagnosticsSarif } from './diagnostics/machine.ts'
export { renderDiagnostics, type RenderOptions } from './diagnostics/render.ts'
export { parsePort, type PortText } from './short-form/port-text.ts'
export { parseVolume, type VolumeText } from './short-form/volume-text.ts'
export { explainValue } from './explain/explain.ts'
export type { Explanation, MissingValue, Origin } from './explain/explain.ts'
export { networkProblems } from './check/networks.ts'
export { isWithin, subnetOf } from './units/ip.ts'
export { splitWords } from './units/words.ts'
export { jsonSchema } from './schema/json-schema.ts'
export { supportDocument } from './support/document.ts'
export type { Deploy, DeployRestartPolicy, ResourceLimits, UpdateConfig } from './model-deploy.ts'
export type { Build, Develop, ServiceHook } from './model-build.ts'
export type * from './model.ts'
export type * from './request.ts'
export { bitRateOf, faultTexts, latencyMsOf, percentOf } from './units/faults.ts'
export { groupParentOf } from './units/group-parent.ts'
export { hugetlbTexts, onUnhealthyOf, procfsOf } from './units/own-options.ts'
export {
  renderLogTag,
  syslogAddressOf,
  syslogFacilityOf,
  type SyslogAddress,
} from './units/syslog.ts'
