/** Values without effect, inside keys of a service that have one. */

import type { Deploy, FileObject, FileReference, Service, Stack } from '../../spec/index.ts'
import { securityOption } from '../desire/security.ts'
import { sortedNames } from '../order.ts'
import type { Gap } from '../planability.ts'
import { HARMLESS_VALUES, saysSomething } from './service-keys.ts'

export function valueGaps(stack: Stack, service: Service): readonly Gap[] {
  return [
    ...modeGaps(service),
    ...portGaps(service),
    ...mountGaps(service),
    ...fileGaps('configs', service.configs, stack.configs),
    ...fileGaps('secrets', service.secrets, stack.secrets),
    ...networkGaps(service),
    ...securityGaps(service),
    ...loggingGaps(service),
    ...deployGaps(service.deploy),
    ...healthGaps(service),
  ]
}

function modeGaps(service: Service): readonly Gap[] {
  const gaps = Object.entries(HARMLESS_VALUES).flatMap(([key, { values, instead }]) => {
    const value = service[key as keyof Service]
    const isGap = typeof value === 'string' && value !== '' && !values.includes(value)
    return isGap ? [{ path: [key], instead }] : []
  })
  const { network_mode: mode } = service
  return mode === 'bridge' || mode === 'default'
    ? [...gaps, { path: ['network_mode'], instead: 'it is the default network of the stack' }]
    : gaps
}

function portGaps({ ports = [], network_mode: mode = 'bridge' }: Service): readonly Gap[] {
  if (ports.length > 0 && mode !== 'bridge' && mode !== 'default') {
    return [{ path: ['ports'], instead: `nothing is published with network_mode "${mode}"` }]
  }
  return ports.flatMap(({ protocol = 'tcp' }, at) =>
    protocol === 'tcp' || protocol === 'udp'
      ? []
      : [{ path: ['ports', at, 'protocol'], instead: 'only tcp and udp are published' }],
  )
}

/** `selinux` needs nothing: no label confines a container, so every label lets it in. */
function mountGaps({ volumes = [], volumes_from: sources = [] }: Service): readonly Gap[] {
  return [
    ...volumes.flatMap((mount, at) => {
      const gap = (keys: readonly string[], value: unknown, instead: string): readonly Gap[] =>
        saysSomething(value) ? [{ path: ['volumes', at, ...keys], instead }] : []
      const isMounted = ['volume', 'bind', 'tmpfs'].includes(mount.type)
      return [
        ...gap(
          ['type'],
          isMounted ? '' : mount.type,
          `a mount of type "${mount.type}" is left out`,
        ),
        ...gap(['bind', 'recursive'], mount.bind?.recursive, 'mounts below the source come along'),
        ...gap(['volume', 'labels'], mount.volume?.labels, 'anonymous volumes have no labels'),
      ]
    }),
    ...sources.flatMap((source, at) =>
      source.startsWith('container:')
        ? [{ path: ['volumes_from', at], instead: 'only services of the stack lend volumes' }]
        : [],
    ),
  ]
}

function fileGaps(
  key: 'configs' | 'secrets',
  references: readonly FileReference[] = [],
  objects: Readonly<Record<string, FileObject>> = {},
): readonly Gap[] {
  return references.flatMap((reference, at) => {
    if (objects[reference.source]?.file === undefined) {
      return [{ path: [key, at], instead: `only ${key} with "file" are mounted` }]
    }
    return (['uid', 'gid', 'mode'] as const)
      .filter((name) => saysSomething(reference[name]))
      .map((name) => ({ path: [key, at, name], instead: 'the file is mounted as it is' }))
  })
}

function networkGaps({ networks = {}, links = [] }: Service): readonly Gap[] {
  const ofNetworks = sortedNames(Object.keys(networks)).flatMap((name) =>
    (['driver_opts', 'interface_name', 'link_local_ips'] as const)
      .filter((key) => saysSomething(networks[name]?.[key]))
      .map((key) => ({ path: ['networks', name, key], instead: 'the interface has the defaults' })),
  )
  const ofLinks = links.flatMap((link, at) => {
    const [service, alias = service] = link.split(':')
    const instead = `the service is found as "${service}" only`
    return alias === service ? [] : [{ path: ['links', at], instead }]
  })
  return [...ofNetworks, ...ofLinks]
}

/** AppArmor and SELinux are not used, so that switching them off is done already. */
function securityGaps({ security_opt: options = [] }: Service): readonly Gap[] {
  return options.flatMap((text, at) => {
    const { name, value } = securityOption(text)
    const isHonoured =
      name === 'no-new-privileges' ||
      (name === 'seccomp' && value === 'unconfined') ||
      (name === 'apparmor' && value === 'unconfined') ||
      (name === 'label' && value === 'disable')
    const instead =
      name === 'seccomp' ? 'the default profile is used' : `"${name}" is not changed by tsstack`
    return isHonoured ? [] : [{ path: ['security_opt', at], instead }]
  })
}

function loggingGaps({ logging }: Service): readonly Gap[] {
  const { driver = '', options = {} } = logging ?? {}
  if (!['', 'none', 'local', 'json-file'].includes(driver)) {
    return [{ path: ['logging', 'driver'], instead: 'logs are kept in files of tsstack' }]
  }
  return sortedNames(Object.keys(options))
    .filter((name) => name !== 'max-size' && name !== 'max-file')
    .map((name) => ({
      path: ['logging', 'options', name],
      instead: 'only max-size and max-file are used',
    }))
}

function deployGaps(deploy: Deploy | undefined): readonly Gap[] {
  const { mode, placement, resources } = deploy ?? {}
  const { reservations, limits } = resources ?? {}
  const checks: readonly (readonly [readonly string[], unknown, string])[] = [
    [['mode'], mode === 'replicated' ? '' : mode, 'services are replicated'],
    [['endpoint_mode'], deploy?.endpoint_mode, 'a name has the address of every replica'],
    [['labels'], deploy?.labels, 'there is no object of the service to carry them'],
    [['placement'], placement, 'there is one machine'],
    [['update_config'], deploy?.update_config, 'a container is stopped, then replaced'],
    [['rollback_config'], deploy?.rollback_config, 'nothing is rolled back'],
    [['resources', 'limits', 'devices'], limits?.devices, 'devices are not limited'],
    [['resources', 'reservations', 'cpus'], reservations?.cpus, 'no processor is reserved'],
    [['resources', 'reservations', 'devices'], reservations?.devices, 'no device is reserved'],
    [
      ['resources', 'reservations', 'generic_resources'],
      reservations?.generic_resources,
      'nothing is reserved',
    ],
  ]
  return checks
    .filter(([, value]) => saysSomething(value))
    .map(([keys, , instead]) => ({ path: ['deploy', ...keys], instead }))
}

function healthGaps({ healthcheck: check }: Service): readonly Gap[] {
  const isWithoutTest = check !== undefined && check.disable !== true && check.test === undefined
  const instead = 'without "test" there is nothing to run'
  return isWithoutTest ? [{ path: ['healthcheck'], instead }] : []
}
