/** Checks that what a service in a user namespace shares is within its root's rights. */
import type { Finding } from '../diagnostics/report.ts'
import type { Service } from '../model.ts'
import type { CheckContext, ServiceRule } from './check.ts'

/** Namespaces of which a container makes file systems; the host's are out of its root's reach. */
const KEYS = ['network_mode', 'pid', 'ipc', 'uts'] as const

/** Of which something is needed, so that the host's cannot do. */
const NEEDED = new Set<string>(['network_mode', 'pid', 'ipc'])

export const checkUsers: ServiceRule = (name, service, context) => {
  const { activation, report, placeOf, feasibility } = context
  const own = usersOf(name, activation.active)
  if (own === 'host') return
  const say = (finding: Finding): void =>
    feasibility ? report.error(finding) : report.warn(finding)
  for (const key of KEYS) {
    const mode = service[key]
    if (mode === undefined) continue
    const place = placeOf(['services', name, key])
    const rule = 'userns-mode'
    const what = `Cannot start "${name}" with ${key} "${mode}" in a user namespace`
    if (mode === 'host' && NEEDED.has(key)) {
      const message = `${what}: its root has no rights over the host's; set userns_mode: host`
      say({ rule, place, message })
    }
    const other = serviceOf(mode)
    if (other === undefined || activation.active[other] === undefined) continue
    if (usersOf(other, activation.active) === own) continue
    const message = `${what}: "${other}" has other users, over whose namespaces it has no rights`
    say({ rule, place, message, hint: `share them: userns_mode: "service:${other}"` })
  }
  checkReference(name, service, context)
}

function checkReference(
  name: string,
  { userns_mode: mode }: Service,
  { activation, report, placeOf, isDoubtful }: CheckContext,
): void {
  const other = serviceOf(mode)
  if (other === undefined || activation.active[other] !== undefined) return
  if (isDoubtful('services', other)) return
  report.error({
    rule: 'unknown-service',
    place: placeOf(['services', name, 'userns_mode']),
    message: `Cannot start "${name}": service "${other}" not found for userns_mode '${mode}'`,
  })
}

/** The service whose users `name` has; `host`, or `container:NAME` for one of another stack. */
function usersOf(name: string, services: Readonly<Record<string, Service>>): string {
  const seen = new Set<string>()
  for (let at = name; !seen.has(at);) {
    seen.add(at)
    const mode = services[at]?.userns_mode ?? 'host'
    const other = serviceOf(mode)
    if (other === undefined) return ['auto', 'private'].includes(mode) ? at : plain(mode)
    at = other
  }
  return name
}

/** What tsstack does not know is the host's, with a warning. */
function plain(mode: string): string {
  return mode.startsWith('container:') ? mode : 'host'
}

function serviceOf(mode: string | undefined): string | undefined {
  return mode?.startsWith('service:') === true ? mode.slice('service:'.length) : undefined
}
