/** Namespaces for many containers at once, made beside the thread that starts them. */

import {
  acknowledged,
  type Fd,
  isCounting,
  NamespaceMaker,
  namespaceMakerProgram,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  nft,
  type Program,
} from '../linux/index.ts'
import { LOOPBACK_UP, namespaceSettings } from './attach.ts'
import { rulesOf } from './dns/redirect.ts'
import { socketsOf } from './dns/serve.ts'
import { SYSCTL_ROOT } from './sysctl.ts'
import type { NamespaceSupply, ReadyNamespace } from './types.ts'

/**
 * Where names are answered in there: one for all, as nobody has a port in a new namespace. Above
 * those that the kernel gives out by itself (ip_local_port_range), and not in use that we know of.
 */
const DNS_SUPPLY_PORT = 61_053

/** Written once: it is the same for all. */
const programs = new Map<boolean, Program>()

/** `redirect`: names are answered at a high port, to which rules lead; else they are not yet. */
export function supplyNamespaces(count: number, redirect: boolean): NamespaceSupply | undefined {
  // A point of a crash is one of our own thread: then everything is made on it.
  if (isCounting) return undefined
  const program = programs.get(redirect) ?? writeProgram(redirect)
  programs.set(redirect, program)
  const sockets = redirect ? 2 : 0
  const maker = new NamespaceMaker(program, { count, sockets, title: 'tsstack: namespaces' })
  return {
    started: maker.started,
    take: () => {
      const made = maker.take()
      return made && readyNamespace(made.netns, made.sockets)
    },
    close: () => {
      maker.close()
    },
  }
}

function readyNamespace(fd: Fd, [udp, tcp]: readonly Fd[]): ReadyNamespace {
  if (udp === undefined || tcp === undefined) return { fd }
  const port = DNS_SUPPLY_PORT
  return { fd, sockets: { udp: { fd: udp, port }, tcp: { fd: tcp, port } } }
}

function writeProgram(redirect: boolean): Program {
  const { udp, tcp } = socketsOf(DNS_SUPPLY_PORT)
  const rules = rulesOf({ udp: DNS_SUPPLY_PORT, tcp: DNS_SUPPLY_PORT })
  return namespaceMakerProgram({
    settings: namespaceSettings().map(([name, value]) => ({
      path: `${SYSCTL_ROOT}/${name}`,
      value,
    })),
    netlink: [
      { family: NETLINK_ROUTE, requests: [acknowledged(LOOPBACK_UP)] },
      ...(redirect ? [{ family: NETLINK_NETFILTER, requests: nft.wholeBatch(rules) }] : []),
    ],
    sockets: redirect ? [udp, tcp] : [],
  })
}
