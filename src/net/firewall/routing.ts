/** Whether the machine passes packets from one interface to another, family by family. */

import { readdirSync } from 'node:fs'
import type { Family } from '../subnet.ts'
import { SYSCTL_ROOT, readSysctl, writeSysctl } from '../sysctl.ts'

const FORWARDING = { 4: 'ipv4/ip_forward', 6: 'ipv6/conf/all/forwarding' } as const

export function isRouter(family: Family): boolean {
  return readSysctl(FORWARDING[family]) !== '0'
}

export function enableRouting(family: Family): void {
  if (family === 6) keepAdvertisedRoutes()
  writeSysctl(FORWARDING[family], '1')
}

export function disableRouting(family: Family): void {
  writeSysctl(FORWARDING[family], '0')
}

/**
 * An IPv6 router takes no routes from other routers, and forgets those it has; a machine that lives
 * by them says so with the value 2. For a machine that is no router 2 and 1 are the same.
 */
function keepAdvertisedRoutes(): void {
  for (const name of readdirSync(`${SYSCTL_ROOT}/ipv6/conf`)) {
    const setting = `ipv6/conf/${name}/accept_ra`
    if (name !== 'all' && name !== 'default' && readSysctl(setting) === '1') {
      writeSysctl(setting, '2')
    }
  }
}
