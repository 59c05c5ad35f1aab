/** `tsstack url`: where a service is reached from this machine. */

import { UsageError } from '../../errors.ts'
import type { ObservedContainer, ObservedPort } from '../../planner/index.ts'
import type { CommandModule } from '../command.ts'
import { byService } from '../container-text.ts'
import type { Context } from '../context.ts'
import { addStackOptions, jsonOption, parseCount } from '../options.ts'
import { print, wantsJson } from '../output.ts'
import { askFor } from '../request.ts'

export const urlCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[service]', 'without: all that publish something')
      .argument('[port]', 'as the program in the container listens', parseCount)
      .addOption(jsonOption())
      .action((service: string | undefined, port: number | undefined, flags: UrlFlags) =>
        run((context) => showUrls(context, { service, port }, flags)),
      )
  },
}

interface UrlFlags {
  readonly json?: boolean
}

async function showUrls(
  { asking, input }: Context,
  wanted: { readonly service: string | undefined; readonly port: number | undefined },
  flags: UrlFlags,
): Promise<number> {
  const services = wanted.service === undefined ? [] : [wanted.service]
  const request = { kind: 'observe', input: input(), services } as const
  const { observed } = await askFor(asking, request, 'observed')
  const found = observed.containers
    .toSorted(byService)
    .flatMap((container) =>
      container.ports
        .filter(({ target }) => wanted.port === undefined || target === wanted.port)
        .map((port) => ({ service: container.service, port: port.target, url: urlOf(port) })),
    )
  const urls = [...new Map(found.map((one) => [`${one.service} ${one.url}`, one])).values()]
  if (urls.length === 0) throw nothing(wanted.service, observed.containers)
  if (wantsJson(flags)) print(JSON.stringify(urls, undefined, 2))
  else if (wanted.service !== undefined) for (const { url } of urls) print(url)
  else for (const { service, url } of urls) print(`${service} ${url}`)
  return 0
}

/** What listens on every address is reached on the loopback one. */
function urlOf({ hostIp, published, target, protocol }: ObservedPort): string {
  const host = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[hostIp] ?? bracketed(hostIp)
  const scheme = protocol === 'udp' ? 'udp' : (SCHEMES[target] ?? 'http')
  const isUsual = scheme === 'http' && published === 80
  return `${scheme}://${host}${isUsual ? '' : `:${published}`}`
}

/** By the port in the container; what is not here is likely a web server. */
const SCHEMES: Readonly<Record<number, string>> = {
  22: 'ssh',
  443: 'https',
  3306: 'mysql',
  5432: 'postgresql',
  5672: 'amqp',
  6379: 'redis',
  8443: 'https',
  11_211: 'memcached',
  27_017: 'mongodb',
}

function bracketed(hostIp: string): string {
  return hostIp.includes(':') ? `[${hostIp}]` : hostIp
}

function nothing(
  service: string | undefined,
  containers: readonly ObservedContainer[],
): UsageError {
  const what = service === undefined ? 'a service' : `"${service}"`
  const why = containers.length === 0 ? 'it has no container' : 'it publishes no port now'
  return new UsageError(`Cannot find a URL of ${what}: ${why}`, {
    code: 'NOT_RUNNING',
    hint: 'publish a port under "ports", and start it with: tsstack up -d',
  })
}
