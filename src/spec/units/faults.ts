/** Sizes of `x-net`, faults on purpose: `100ms`, `5%`, `10mbit`. */

/** What a service says of `x-net`: text by key; undefined when it says nothing that can be read. */
export function faultTexts(service: object): Readonly<Record<string, string>> | undefined {
  const said: unknown = (service as { readonly 'x-net'?: unknown })['x-net']
  if (typeof said !== 'object' || said === null) return undefined
  const entries = Object.entries(said).map(([key, value]) => [
    key,
    typeof value === 'string' || typeof value === 'number' ? `${value}` : '',
  ])
  return Object.fromEntries(entries) as Readonly<Record<string, string>>
}

/** Milliseconds of `100ms`, `1.5s` or `250us`, of a minute at most; undefined for anything else. */
export function latencyMsOf(text: string): number | undefined {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)(us|ms|s)$/.exec(text.trim()) ?? []
  const ms = Number(number) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? Number.NaN)
  return ms <= 60_000 ? ms : undefined
}

/** Per cent of `5%` or `0.1`; undefined for what is none. */
export function percentOf(text: string): number | undefined {
  const [, number] = /^(\d+(?:\.\d+)?)%?$/.exec(text.trim()) ?? []
  return number !== undefined && Number(number) <= 100 ? Number(number) : undefined
}

/** Bits per second of `10mbit`, `500kbit` or `1gbit`; undefined for what is none. */
export function bitRateOf(text: string): number | undefined {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)(k|m|g)?bit$/i.exec(text.trim()) ?? []
  const rate =
    Number(number) * ({ '': 1, k: 1e3, m: 1e6, g: 1e9 }[unit.toLowerCase()] ?? Number.NaN)
  // The kernel counts bytes per second in 32 bits.
  return rate >= 8 && rate <= 32e9 ? rate : undefined
}
