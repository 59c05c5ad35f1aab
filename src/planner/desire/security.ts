/** Capabilities, `security_opt`, devices, namespaces and what else a program may do. */

import { posix } from 'node:path'
import type { Service } from '../../spec/index.ts'
import type { DeviceSpec, NamespaceMode, NamespaceModes, SeccompFile } from '../model-isolation.ts'
import type { ContainerSpec } from '../model.ts'
import { compareNames, sortedNames } from '../order.ts'
import { present } from './units.ts'

/** `directory`: of the project, from which the path of a seccomp profile counts. */
export function securityOf(
  service: Service,
  directory: string,
): Pick<
  ContainerSpec,
  | 'capAdd'
  | 'capDrop'
  | 'privileged'
  | 'noNewPrivileges'
  | 'seccomp'
  | 'sysctls'
  | 'namespaces'
  | 'devices'
  | 'deviceRules'
  | 'systemPathsUnconfined'
  | 'writableCgroups'
  | 'apparmor'
> {
  const options = new Map((service.security_opt ?? []).map(securityOption))
  const isOn = (name: string): boolean => options.has(name) && options.get(name) !== 'false'
  return present({
    capAdd: capabilities(service.cap_add),
    capDrop: capabilities(service.cap_drop),
    privileged: service.privileged ?? false,
    noNewPrivileges: isOn('no-new-privileges'),
    seccomp: seccompOf(options.get('seccomp'), directory),
    sysctls: service.sysctls ?? {},
    namespaces: namespacesOf(service),
    devices: devicesOf(service),
    deviceRules: some(service.device_cgroup_rules),
    systemPathsUnconfined: options.get('systempaths') === 'unconfined' || undefined,
    writableCgroups: isOn('writable-cgroups') || undefined,
    apparmor: options.get('apparmor') === 'unconfined' ? undefined : options.get('apparmor'),
  })
}

/** `name`, `name=value`, or `name:value` as older files have it. */
function securityOption(text: string): readonly [name: string, value: string] {
  const [, name = '', value = ''] = /^(?<name>[^=:]*)[=:]?(?<value>.*)$/su.exec(text) ?? []
  return [name, value]
}

function seccompOf(
  value: string | undefined,
  directory: string,
): 'default' | 'unconfined' | SeccompFile {
  if (value === undefined || value === '' || value === 'builtin') return 'default'
  return value === 'unconfined' ? value : { file: posix.resolve(directory, value) }
}

function namespacesOf({
  pid,
  ipc,
  uts,
  cgroup,
  userns_mode: users,
}: Service): NamespaceModes | undefined {
  const modes = present({
    pid: modeOf(pid),
    ipc: ipc === 'none' ? { kind: 'none' as const } : modeOf(ipc),
    uts: modeOf(uts),
    cgroup: modeOf(cgroup),
    user: usersOf(users),
  })
  return Object.keys(modes).length === 0 ? undefined : modes
}

/** `private`, `shareable` and none at all are a namespace of its own. */
function modeOf(mode: string | undefined): NamespaceMode | undefined {
  if (mode === 'host') return { kind: 'host' }
  const [kind, ...rest] = (mode ?? '').split(':')
  const other = rest.join(':')
  if (kind === 'service') return { kind, service: other }
  return kind === 'container' ? { kind, container: other } : undefined
}

/** `auto` is Podman's word for users of its own, `private` what other namespaces call it. */
function usersOf(mode: string | undefined): NamespaceModes['user'] {
  if (mode === 'auto' || mode === 'private') return { kind: 'own' }
  const other = modeOf(mode)
  return other?.kind === 'host' ? undefined : other
}

/** Sorted by target. A name of the Container Device Interface has no slash in front. */
function devicesOf({ devices = [] }: Service): readonly DeviceSpec[] | undefined {
  const specs = devices.map(({ source, target = source, permissions = 'rwm' }) => ({
    source,
    target,
    access: permissions,
  }))
  return some(specs.toSorted((a, b) => compareNames(a.target, b.target)))
}

function some<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list
}

/** Upper case, without `CAP_`, sorted: their order has no meaning. */
function capabilities(names: readonly string[] = []): readonly string[] {
  return sortedNames(new Set(names.map((name) => name.toUpperCase().replace(/^CAP_/u, ''))))
}
