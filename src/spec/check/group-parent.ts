/** Checks that the parent of a service's control group is one. */
import { groupParentOf } from '../units/group-parent.ts'
import type { ServiceRule } from './check.ts'

export const checkGroupParent: ServiceRule = (name, service, { report, placeOf }) => {
  const { cgroup_parent: text } = service
  const parent = groupParentOf(text ?? '')
  if (parent.kind !== 'wrong') return
  report.error({
    rule: 'invalid-value',
    place: placeOf(['services', name, 'cgroup_parent']),
    message: `Cannot use "${text}" for services.${name}.cgroup_parent: ${parent.why}`,
    hint: 'name a group by its path from the top ("batch/low"), or a slice ("batch-low.slice")',
  })
}
