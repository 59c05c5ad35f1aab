/** `extra_hosts`: `name=address`, an IPv6 address in brackets or without. */

import type { ContainerSpec } from '../model.ts'

export function extraHostsOf(entries: readonly string[]): ContainerSpec['extraHosts'] {
  return entries.map((entry) => {
    const [name = '', ...address] = entry.split('=')
    return { name, address: address.join('=').replace(/^\[(?<inside>.*)\]$/u, '$<inside>') }
  })
}
