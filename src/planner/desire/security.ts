/** Capabilities, `security_opt`, devices, namespaces and what else a program may do. */

import { posix } from 'node:path'
import { type DeviceRequest, groupParentOf, procfsOf, type Service } from '../../spec/index.ts'
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
  | 'cdi'
  | 'deviceRules'
  | 'procfsOfLimits'
  | 'systemPathsUnconfined'
  | 'writableCgroups'
  | 'cgroupParent'
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
    cdi: cdiOf(service),
    procfsOfLimits: procfsOf(service) === 'limits' || undefined,
    deviceRules: some(service.device_cgroup_rules),
    systemPathsUnconfined: options.get('systempaths') === 'unconfined' || undefined,
    cgroupParent: cgroupParentOf(service),
    writableCgroups: isOn('writable-cgroups') || undefined,
    apparmor: options.get('apparmor') || undefined,
  })
}

function cgroupParentOf({ cgroup_parent: text = '' }: Service): string | undefined {
  const parent = groupParentOf(text)
  return parent.kind === 'path' ? parent.path : undefined
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

/** Sorted by target. */
function devicesOf({ devices = [] }: Service): readonly DeviceSpec[] | undefined {
  const paths = devices.filter(({ source }) => !isCdi(source))
  const specs = paths.map(({ source, target = source, permissions = 'rwm' }) => ({
    source,
    target,
    access: permissions,
  }))
  return some(specs.toSorted((a, b) => compareNames(a.target, b.target)))
}

/** `vendor.com/class=name`. @see Container Device Interface, SPEC.md */
function isCdi(source: string): boolean {
  return /^[a-zA-Z][\w.-]*\/[a-zA-Z][\w.-]*=[a-zA-Z0-9]/u.test(source)
}

/** Those of `devices`, of `gpus` and of the reservations, sorted. */
function cdiOf({ devices = [], gpus = [], deploy }: Service): readonly string[] | undefined {
  const reserved = deploy?.resources?.reservations?.devices ?? []
  const names = [
    ...devices.map(({ source }) => source).filter(isCdi),
    ...[...gpus.map(asGpu), ...reserved].flatMap(requestedNames),
  ]
  return some(sortedNames(new Set(names)))
}

function asGpu(request: DeviceRequest): DeviceRequest {
  return { ...request, capabilities: ['gpu', ...(request.capabilities ?? [])] }
}

/**
 * With the driver `cdi` the ids are whole names. Else the driver is the vendor, and the class what
 * is asked for: graphics processors, unless another capability is named.
 */
function requestedNames(request: DeviceRequest): readonly string[] {
  const { driver = '', device_ids: ids = [], count = -1, capabilities = [] } = request
  if (driver === 'cdi') return ids
  const vendor = driver === '' ? '*' : `${driver}.com`
  const kind = capabilities.includes('gpu') ? 'gpu' : (capabilities[0] ?? 'gpu')
  const counted = count < 0 ? ['all'] : Array.from({ length: count }, (_, index) => `${index}`)
  return (ids.length > 0 ? ids : counted).map((id) => (isCdi(id) ? id : `${vendor}/${kind}=${id}`))
}

function some<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list
}

/** Upper case, without `CAP_`, sorted: their order has no meaning. */
function capabilities(names: readonly string[] = []): readonly string[] {
  return sortedNames(new Set(names.map((name) => name.toUpperCase().replace(/^CAP_/u, ''))))
}
