/**
 * Checks that networks, volumes, secrets, configs, models and services that a service names exist.
 */
import { didYouMean } from '../diagnostics/suggest.ts'
import type { Service } from '../model.ts'
import type { CheckContext, ServiceRule } from './check.ts'

interface Reference {
  /** Word of the message: `network`. */
  readonly what: string
  readonly name: string
  readonly known: Readonly<Record<string, unknown>> | undefined
  readonly path: readonly (string | number)[]
}

export const checkReferences: ServiceRule = (name, service, context) => {
  for (const reference of referencesOf(service, context)) {
    if (reference.known !== undefined && Object.hasOwn(reference.known, reference.name)) continue
    if (context.isDoubtful(`${reference.what.split(' ').at(-1) ?? ''}s`)) continue
    reportMissing(name, reference, context)
  }
  checkNetworkMode(name, service, context)
}

function reportMissing(
  name: string,
  reference: Reference,
  { report, placeOf }: CheckContext,
): void {
  const { what, name: missing, known = {}, path } = reference
  report.error({
    rule: `unknown-${what.replace(' ', '-')}`,
    place: placeOf(
      ['services', name, ...path],
      what === 'network' || what === 'model' ? 'key' : 'value',
    ),
    message:
      `Cannot start "${name}": service "${name}" refers to undefined ${what} ${missing}; ` +
      'declare it at the top level',
    hint: didYouMean(missing, Object.keys(known)),
  })
}

function referencesOf(service: Service, { stack }: CheckContext): Reference[] {
  const names = (
    what: string,
    key: string,
    values: object | undefined,
    known: Reference['known'],
  ): Reference[] =>
    Object.keys(values ?? {}).map((name) => ({ what, name, known, path: [key, name] }))
  const files = (
    what: string,
    path: readonly string[],
    values: readonly { readonly source: string }[] | undefined,
    known: Reference['known'],
  ): Reference[] =>
    (values ?? []).map(({ source }, index) => ({
      what,
      name: source,
      known,
      path: [...path, index],
    }))
  return [
    ...names('network', 'networks', service.networks, stack.networks),
    ...names('model', 'models', service.models, stack.models),
    ...files('build secret', ['build', 'secrets'], service.build?.secrets, stack.secrets),
    ...files('config', ['configs'], service.configs, stack.configs),
    ...files('secret', ['secrets'], service.secrets, stack.secrets),
    ...(service.volumes ?? []).flatMap(({ type, source }, index) =>
      type === 'volume' && source !== undefined
        ? [{ what: 'volume', name: source, known: stack.volumes, path: ['volumes', index] }]
        : [],
    ),
  ]
}

function checkNetworkMode(
  name: string,
  service: Service,
  { report, placeOf, activation, isDoubtful }: CheckContext,
): void {
  const { network_mode: mode, networks } = service
  if (mode === undefined) return
  const path = ['services', name, 'network_mode']
  if (networks !== undefined) {
    report.error({
      rule: 'network-mode',
      place: placeOf(path, 'key'),
      message:
        `Cannot connect "${name}": it declares mutually exclusive network_mode and networks; ` +
        'keep one',
    })
  }
  const shared = mode.startsWith('service:') ? mode.slice('service:'.length) : undefined
  if (shared === undefined || activation.active[shared] !== undefined) return
  if (isDoubtful('services', shared)) return
  report.error({
    rule: 'unknown-service',
    place: placeOf(path),
    message: `Cannot connect "${name}": service "${shared}" not found for network_mode '${mode}'`,
    hint: didYouMean(shared, Object.keys(activation.active)),
  })
}
