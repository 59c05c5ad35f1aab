/** Leads new clients of a container elsewhere, and waits for those that it has. */

import { readFileSync } from 'node:fs'
import { DRAIN_LOOK_MS } from '../limits.ts'
import { publishNames } from './container/network.ts'
import type { LiveContainer, Machine } from './machine.ts'

/**
 * Resolves when nobody is connected any more, or after `graceMs`. From its first moment on neither
 * published ports nor names lead to the container, as long as another of its service serves.
 */
export async function drain(
  machine: Machine,
  container: LiveContainer,
  { graceMs, signal }: { readonly graceMs: number; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { attempt, record } = container
  if (!attempt?.process || attempt.exit || attempt.paused) return
  container.draining = true
  // Nowhere, rather than after the others: there are others.
  publishNames(machine, record, [])
  const { pid } = attempt.process
  const isUp = (): boolean => container.attempt === attempt && attempt.exit === undefined
  const until = performance.now() + graceMs
  // The kernel tells nobody when a connection of another namespace ends: conntrack has events for
  // those alone that began while somebody listened. Two looks, for what is on its way at the first.
  for (let quiet = 0; quiet < 2 && performance.now() < until;) {
    await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS))
    if (!isUp() || signal?.aborted) return
    quiet = countClients(pid) === 0 ? quiet + 1 : 0
  }
}

/** States of linux/tcp_states.h in which something of ours may still be on its way to the client. */
const OPEN: ReadonlySet<string> = new Set(['01', '03', '04', '08', '09', '0B'])
const LISTENING = '0A'

/** Connections to the ports that the container listens on, but for its own over loopback. */
function countClients(pid: number): number {
  const sockets = ['tcp', 'tcp6'].flatMap((table) => readTable(`/proc/${pid}/net/${table}`))
  const listening = new Set(
    sockets.filter(({ state }) => state === LISTENING).map(({ port }) => port),
  )
  return sockets.filter(
    ({ state, port, isLoopback }) => OPEN.has(state) && listening.has(port) && !isLoopback,
  ).length
}

interface Socket {
  /** Of the container's end, in hexadecimal. */
  readonly port: string
  readonly isLoopback: boolean
  readonly state: string
}

/** @see proc_pid_net_tcp(5): `sl local_address rem_address st …`, addresses as words of the host */
function readTable(path: string): readonly Socket[] {
  try {
    return readFileSync(path, 'latin1').split('\n').slice(1).flatMap(readLine)
  } catch {
    // It has ended, or the kernel has no IPv6.
    return []
  }
}

function readLine(line: string): readonly Socket[] {
  const [, local = '', , state] = line.trim().split(/\s+/)
  const [address = '', port] = local.split(':')
  if (port === undefined || state === undefined) return []
  return [{ port, state, isLoopback: LOOPBACK.test(address) }]
}

/** 127.0.0.0/8, alone and within IPv6, and ::1; on machines of little and of big endian words. */
const LOOPBACK =
  /^(?:0000000000000000(?:0000FFFF|FFFF0000))?(?:[\dA-F]{6}7F|7F[\dA-F]{6})$|^0{24}0(?:1000000|0000001)$/
