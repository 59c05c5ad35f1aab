/** Turns every short form of a tree into the long one, so that later phases know one form only. */
import type { Report } from '../diagnostics/report.ts'
import { mapEntries, mapItems, type Node } from '../tree/node.ts'
import { below, rules, type Rules } from '../tree/rules.ts'
import { longBuild, longSsh } from './build.ts'
import { longDependsOn } from './depends-on.ts'
import { longDevice } from './devices.ts'
import { longEnvFiles } from './env-file.ts'
import { longExternal } from './external.ts'
import { longFileMount } from './file-mount.ts'
import { longGpus } from './gpus.ts'
import { keyValueMapping, listOfOne, mappingOfNames, scalarAsText } from './lists.ts'
import { longPorts } from './ports.ts'
import { longVolume } from './volumes.ts'

export interface FormContext {
  readonly report: Report
  /** Values still contain variables: leave what cannot be read. */
  readonly lenient: boolean
}

/** Gets the children's long forms already; returns the node itself when it is no short form. */
export type LongForm = (node: Node, context: FormContext) => Node

const FORMS: Rules<LongForm> = rules<LongForm>({
  'services.*.build': longBuild,
  'services.*.build.secrets.*': longFileMount,
  'services.*.build.provenance': scalarAsText,
  'services.*.build.sbom': scalarAsText,
  'services.*.build.additional_contexts': keyValueMapping,
  'services.*.build.ssh': longSsh,
  'services.*.depends_on': longDependsOn,
  'services.*.env_file': longEnvFiles,
  'services.*.label_file': listOfOne,
  'services.*.gpus': longGpus,
  'services.*.networks': mappingOfNames,
  'services.*.models': mappingOfNames,
  'services.*.volumes.*': longVolume,
  'services.*.dns': listOfOne,
  'services.*.devices.*': longDevice,
  'services.*.secrets.*': longFileMount,
  'services.*.configs.*': longFileMount,
  'services.*.ports': longPorts,
  'services.*.develop.watch.*.ignore': listOfOne,
  'services.*.develop.watch.*.include': listOfOne,
  'volumes.*': longExternal,
  'networks.*': longExternal,
  'secrets.*': longExternal,
  'configs.*': longExternal,
})

export function canonical(tree: Node, context: FormContext): Node {
  return walk(tree, FORMS, context)
}

function walk(node: Node, at: Rules<LongForm> | undefined, context: FormContext): Node {
  if (at === undefined) return node
  let result = node
  if (node.kind === 'map') {
    result = mapEntries(node, ({ key, value }) => walk(value, below(at, key), context))
  } else if (node.kind === 'list' && at.any !== undefined) {
    result = mapItems(node, (item) => walk(item, at.any, context))
  }
  return at.rule === undefined ? result : at.rule(result, context)
}
