/** Checks that services depend on services that run. */
import { didYouMean } from '../diagnostics/suggest.ts'
import type { CheckContext, ServiceRule } from './check.ts'

export const checkDependencies: ServiceRule = (name, service, context) => {
  const written = service.depends_on ?? {}
  for (const [dependency, { required }] of Object.entries(written)) {
    if (context.activation.active[dependency] !== undefined) continue
    if (context.activation.disabled[dependency] !== undefined && !required) continue
    if (context.isDoubtful('services', dependency)) continue
    reportMissing(name, dependency, context)
  }
}

function reportMissing(name: string, dependency: string, context: CheckContext): void {
  const { activation, report, placeOf } = context
  const place = placeOf(['services', name, 'depends_on', dependency], 'key')
  const disabled = activation.disabled[dependency]
  if (disabled !== undefined) {
    const profiles = (disabled.profiles ?? []).map((profile) => `"${profile}"`).join(', ')
    report.error({
      rule: 'dependency-disabled',
      place,
      message:
        `Cannot start "${name}": it depends on "${dependency}", which needs the profile ` +
        `${profiles}; no such profile is active (undefined service)`,
      hint: `use --profile ${disabled.profiles?.[0] ?? ''}, or write "required: false"`,
    })
    return
  }
  report.error({
    rule: 'unknown-service',
    place,
    message: `Cannot start "${name}": it depends on undefined service "${dependency}"`,
    hint: didYouMean(dependency, Object.keys(activation.active)),
  })
}
