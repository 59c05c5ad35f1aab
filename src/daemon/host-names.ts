/** The resolver for programs of the host, where `config.json` asks for one. */

import type { Engine, HostNames } from '../engine/index.ts'
import { UsageError, errorText } from '../errors.ts'
import { readConfigured } from './configured.ts'
import type { Places } from './places.ts'
import { say } from './say.ts'

/** Told by `info`: what is served, or why not. */
export interface HostNamesState {
  readonly text: string
  close(): Promise<void>
}

/** `{"names": {"listen": "127.0.0.55:53", "domain": "localhost"}}` */
function hostNamesOf({ config }: Pick<Places, 'config'>): HostNames | undefined {
  const { names } = readConfigured(config)
  if (names === undefined) return undefined
  const { listen, domain = 'localhost' } = (names ?? {}) as Readonly<Record<string, unknown>>
  const [, address, port] = /^(127(?:\.\d{1,3}){3})(?::(\d{1,5}))?$/.exec(String(listen)) ?? []
  if (address === undefined || typeof domain !== 'string' || !DOMAIN.test(domain)) {
    throw new UsageError(`Cannot read "names" of "${config}": ${JSON.stringify(names)}`, {
      hint: 'it has to look like {"listen": "127.0.0.55:53", "domain": "localhost"}',
    })
  }
  return { address, port: Number(port ?? 53), domain: domain.toLowerCase() }
}

const DOMAIN = /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i

/** Undefined when nobody asks for it. What keeps it from serving keeps nothing else from working. */
export async function startHostNames(
  engine: Pick<Engine, 'serveHostNames'>,
  places: Places,
): Promise<HostNamesState | undefined> {
  const wish = hostNamesOf(places)
  if (wish === undefined) return undefined
  const what = `SERVICE.STACK.${wish.domain} at ${wish.address} port ${wish.port}`
  try {
    const close = await engine.serveHostNames(wish)
    return { text: what, close }
  } catch (error) {
    const why = errorText(error)
    say(`names: Cannot answer ${what}: ${why}`)
    return { text: `not answered: ${why}`, close: () => Promise.resolve() }
  }
}
