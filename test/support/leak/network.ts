/** Links, addresses, routes, rules, sockets and switches of one network namespace. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Kind → lines, of the namespace at `path`, or of the caller's when absent. */
export function networkOf(path: string | undefined): ReadonlyMap<string, ReadonlySet<string>> {
  const run = (program: string, ...words: readonly string[]): string =>
    runIn(path, [program, ...words])
  return new Map([
    ['link', new Set(readJson(run('ip', '-j', 'link')).map((link) => withoutState(link)))],
    ['address', new Set(readJson(run('ip', '-j', 'addr')).flatMap((link) => addresses(link)))],
    ['route', new Set(routes(run))],
    ['rule', new Set(rules(run('nft', '-j', 'list', 'ruleset')))],
    ['socket', new Set(sockets(run, path === undefined))],
    ['switch', new Set([`ip_forward ${run('cat', '/proc/sys/net/ipv4/ip_forward').trim()}`])],
  ])
}

type Run = (program: string, ...words: readonly string[]) => string
type Json = Readonly<Record<string, unknown>>

function runIn(path: string | undefined, words: readonly string[]): string {
  const [name = '', file = ''] = words
  if (path === undefined && name === 'cat') return readFileSync(file, 'utf8')
  const [program = '', ...rest] =
    path === undefined ? words : ['nsenter', `--net=${path}`, ...words]
  return execFileSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

const readJson = (text: string): readonly Json[] =>
  text.trim() === '' ? [] : (JSON.parse(text) as Json[])

/** A link without what changes by itself: carrier, queue states, statistics. */
function withoutState(link: Json): string {
  const { operstate: _state, flags, stats64: _stats, ...rest } = link
  const kept = (flags as string[]).filter((flag) => !/LOWER_UP|RUNNING|NO-CARRIER/.test(flag))
  return JSON.stringify({ ...rest, flags: kept })
}

/** Addresses without the life times, which count down. */
const addresses = (link: Json): readonly string[] =>
  (link['addr_info'] as Json[]).map(
    (address) =>
      `${String(link['ifname'])} ${String(address['local'])}/${String(address['prefixlen'])}`,
  )

const routes = (run: Run): readonly string[] =>
  ['-4', '-6'].flatMap((family) =>
    readJson(run('ip', '-j', family, 'route', 'show', 'table', 'all')).map((route) => {
      const { expires: _expires, flags: _flags, metrics: _metrics, ...rest } = route
      return JSON.stringify(rest)
    }),
  )

/** Tables, chains, sets, maps and rules, without the counters' values. */
function rules(text: string): readonly string[] {
  const objects = (JSON.parse(text) as { readonly nftables: readonly Json[] }).nftables
  return objects
    .filter((object) => !('metainfo' in object))
    .map((object) => JSON.stringify(object).replaceAll(/"(packets|bytes)":\s*\d+/g, '"$1":0'))
}

/**
 * Listening sockets. Of the host's namespace only those that this process holds: others come and
 * go without us, and every process of ours that lived on is reported as a process.
 */
function sockets(run: Run, onlyOwn: boolean): readonly string[] {
  const own = ownSocketInodes()
  const inet = ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((protocol) =>
    run('cat', `/proc/net/${protocol}`)
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => isListening(protocol, fields[3]))
      .filter((fields) => !onlyOwn || own.has(fields[9] ?? ''))
      .map((fields) => `${protocol} ${readable(fields[1] ?? '')}`),
  )
  return onlyOwn ? inet : [...inet, ...unixSockets(run('cat', '/proc/net/unix'))]
}

// include/net/tcp_states.h: 0A is TCP_LISTEN; an unconnected udp socket is in state 07.
const isListening = (protocol: string, state: string | undefined): boolean =>
  state === (protocol.startsWith('tcp') ? '0A' : '07')

/** `0100007F:1F90` → `127.0.0.1:8080`; an IPv6 address stays in hex. */
function readable(address: string): string {
  const [host = '', port = ''] = address.split(':')
  const bytes = host.length === 8 ? host.match(/../g)?.toReversed() : undefined
  const text = bytes?.map((byte) => Number.parseInt(byte, 16)).join('.') ?? host
  return `${text}:${Number.parseInt(port, 16)}`
}

/** Listening unix sockets with a name; flag 0x10000 is __SO_ACCEPTCON (net/unix/af_unix.c). */
const unixSockets = (text: string): readonly string[] =>
  text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === '00010000' && fields[7] !== undefined)
    .map((fields) => `unix ${fields[7] ?? ''}`)

function ownSocketInodes(): ReadonlySet<string> {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return '' // The descriptor that listed the directory is closed by now.
    }
  })
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []))
}
