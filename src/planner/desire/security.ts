/** Capabilities, `security_opt` and what else a program may do. */

import type { Service } from '../../spec/index.ts'
import type { ContainerSpec } from '../model.ts'
import { sortedNames } from '../order.ts'

export function securityOf(
  service: Service,
): Pick<
  ContainerSpec,
  'capAdd' | 'capDrop' | 'privileged' | 'noNewPrivileges' | 'seccomp' | 'sysctls'
> {
  const options = (service.security_opt ?? []).map(securityOption)
  return {
    capAdd: capabilities(service.cap_add),
    capDrop: capabilities(service.cap_drop),
    privileged: service.privileged ?? false,
    noNewPrivileges: options.some(
      ({ name, value }) => name === 'no-new-privileges' && value !== 'false',
    ),
    seccomp: options.some(({ name, value }) => name === 'seccomp' && value === 'unconfined')
      ? 'unconfined'
      : 'default',
    sysctls: service.sysctls ?? {},
  }
}

/** `name`, `name=value`, or `name:value` as older files have it. */
function securityOption(text: string): { readonly name: string; readonly value: string } {
  const [, name = '', value = ''] = /^(?<name>[^=:]*)[=:]?(?<value>.*)$/su.exec(text) ?? []
  return { name, value }
}

/** Upper case, without `CAP_`, sorted: their order has no meaning. */
function capabilities(names: readonly string[] = []): readonly string[] {
  return sortedNames(new Set(names.map((name) => name.toUpperCase().replace(/^CAP_/u, ''))))
}
