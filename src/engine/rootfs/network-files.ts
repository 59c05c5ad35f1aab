/** Texts of /etc/hosts and /etc/resolv.conf, as Docker writes them. */

/** In /etc of every container, with contents of its own. */
export const ETC_FILES = ['hosts', 'hostname', 'resolv.conf'] as const

export interface EtcFile {
  readonly name: (typeof ETC_FILES)[number]
  readonly content: string
}

export interface HostsInput {
  readonly hostname: string
  readonly domainname?: string | undefined
  /** Further names of its own. */
  readonly aliases?: readonly string[] | undefined
  /** The container's own addresses. */
  readonly addresses: readonly string[]
  readonly extraHosts: readonly { readonly name: string; readonly address: string }[]
}

/** Extra hosts come last, so that a name of the stack file wins over none of the machine's own. */
export function hostsText(input: HostsInput): string {
  return [...LOCAL.map(lineOf), ...changingLines(input)].map((line) => `${line}\n`).join('')
}

/**
 * `text`, as a program of the container may have changed it, with the addresses of `input`: what
 * others have written stays. Undefined for a text that does not begin as ours do.
 */
export function updatedHosts(text: string, input: HostsInput): string | undefined {
  if (!text.startsWith(lineOf(LOCAL[0] ?? []))) return undefined
  const names = new Set([ownNames(input), ...input.extraHosts.map(({ name }) => name)])
  const isOurs = (line: string): boolean => names.has(line.slice(line.indexOf('\t') + 1))
  const lines = text.replace(/\n$/, '').split('\n')
  const first = lines.findIndex(isOurs)
  const before = first < 0 ? lines : lines.slice(0, first)
  const after = first < 0 ? [] : lines.slice(first).filter((line) => !isOurs(line))
  return [...before, ...changingLines(input), ...after].map((line) => `${line}\n`).join('')
}

/** Those that depend on the networks. */
function changingLines(input: HostsInput): readonly string[] {
  const names = ownNames(input)
  return [
    ...input.extraHosts.map(({ name, address }) => lineOf([address, name])),
    ...input.addresses.map((address) => lineOf([address, names])),
  ]
}

function ownNames({ hostname, domainname, aliases = [] }: HostsInput): string {
  const full = domainname === undefined ? [] : [`${hostname}.${domainname}`]
  return [...new Set([...full, hostname, ...aliases])].join(' ')
}

function lineOf([address = '', ...words]: readonly string[]): string {
  return `${address}\t${words.join(' ')}`
}

const LOCAL: readonly (readonly string[])[] = [
  ['127.0.0.1', 'localhost'],
  ['::1', 'localhost', 'ip6-localhost', 'ip6-loopback'],
  ['fe00::', 'ip6-localnet'],
  ['ff00::', 'ip6-mcastprefix'],
  ['ff02::1', 'ip6-allnodes'],
  ['ff02::2', 'ip6-allrouters'],
]

export interface ResolvInput {
  /** `embedded`: our server at 127.0.0.11 answers and asks the others. */
  readonly resolver: 'embedded' | 'direct'
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
  /** Text of the host's /etc/resolv.conf, for what the stack file leaves open. */
  readonly host: string
}

/** Servers of the stack file, or of the host; a search domain of "." means none. */
export function resolvText(input: ResolvInput): string {
  const host = parse(input.host)
  const servers = input.resolver === 'embedded' ? ['127.0.0.11'] : orElse(input.dns, host.servers)
  const search = orElse(input.dnsSearch, host.search).filter((domain) => domain !== '.')
  const options = orElse(input.dnsOptions, host.options)
  // A dot in a name is no reason to ask the outside first: names of a stack may have one.
  const ndots = input.resolver === 'embedded' && !options.some((one) => one.startsWith('ndots:'))
  const words = [...options, ...(ndots ? ['ndots:0'] : [])]
  return [
    ...servers.map((server) => `nameserver ${server}\n`),
    ...(search.length > 0 ? [`search ${search.join(' ')}\n`] : []),
    ...(words.length > 0 ? [`options ${words.join(' ')}\n`] : []),
  ].join('')
}

/** @see resolv.conf(5): the last of several search lines counts. */
function parse(text: string): {
  readonly servers: readonly string[]
  readonly search: readonly string[]
  readonly options: readonly string[]
} {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/))
  const all = (key: string) => lines.filter(([word]) => word === key).map(([, ...rest]) => rest)
  return {
    servers: all('nameserver').flat(),
    search: lines.findLast(([word]) => word === 'search' || word === 'domain')?.slice(1) ?? [],
    options: all('options').flat(),
  }
}

function orElse(wanted: readonly string[], fallback: readonly string[]): readonly string[] {
  return wanted.length > 0 ? wanted : fallback
}
