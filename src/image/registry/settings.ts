/** How registries are reached: mirrors, those without TLS, certificates. A file of the machine. */

import { readFileSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { EngineError } from '../../errors.ts'
import { field, type Json, parseJson, textMapField, textsField } from '../json.ts'

export interface RegistrySettings {
  /** Addresses to ask before the registry itself, by the registry's name. */
  readonly mirrors: ReadonlyMap<string, readonly string[]>
  /** `host`, `host:port` or `10.0.0.0/8`: certificates are not checked, and http is tried. */
  readonly insecure: readonly string[]
  /** Paths of PEM files with further authorities, by `host` or `host:port`. */
  readonly authorities: ReadonlyMap<string, string>
}

const REGISTRIES_FILE = '/etc/tsstack/registries.json'

/**
 * Reads TSSTACK_REGISTRIES or {@link REGISTRIES_FILE}; without one the defaults apply. Keys are
 * those of Docker's daemon.json, `registry-mirrors` (of docker.io) and `insecure-registries`, and
 * `mirrors` and `certificates` by the name of a registry.
 * @throws {EngineError} IMAGE that names the file
 */
export function readRegistrySettings(
  env: Readonly<Record<string, string | undefined>>,
): RegistrySettings {
  const path = env['TSSTACK_REGISTRIES'] ?? REGISTRIES_FILE
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const isAbsent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    if (isAbsent && env['TSSTACK_REGISTRIES'] === undefined) return NONE
    throw new EngineError('IMAGE', `Cannot read "${path}": ${String(cause)}`, { cause })
  }
  return parseSettings(parseJson(text, `file "${path}"`), `file "${path}"`)
}

const NONE: RegistrySettings = { mirrors: new Map(), insecure: [], authorities: new Map() }

function parseSettings(object: Json, what: string): RegistrySettings {
  const mirrors = new Map<string, readonly string[]>()
  const ofHub = textsField(object, 'registry-mirrors', what)
  if (ofHub) mirrors.set('docker.io', ofHub)
  const others = (field(object, 'mirrors') ?? {}) as Json
  for (const registry of Object.keys(others)) {
    mirrors.set(registry, textsField(others, registry, what) ?? [])
  }
  for (const address of [...mirrors.values()].flat()) {
    if (/^https?:\/\/[^/]+\/?$/.test(address)) continue
    throw new EngineError('IMAGE', `Cannot use mirror "${address}" of ${what}: it is no address`, {
      hint: 'write it as https://mirror.example.com',
    })
  }
  return {
    mirrors,
    insecure: textsField(object, 'insecure-registries', what) ?? [],
    authorities: new Map(Object.entries(textMapField(object, 'certificates', what) ?? {})),
  }
}

/** Whether `host`, or `host:port`, may be reached without a valid certificate. */
export function isInsecure(host: string, { insecure }: RegistrySettings): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  if (name === 'localhost' || insecure.includes(host) || insecure.includes(name)) return true
  const family = isIP(name)
  if (family === 0) return false
  const list = new BlockList()
  // As with Docker: what is reached without leaving the machine needs no certificate.
  list.addSubnet('127.0.0.0', 8)
  list.addAddress('::1', 'ipv6')
  for (const entry of insecure) {
    const [network = '', bits] = entry.split('/')
    if (bits !== undefined && isIP(network) !== 0) {
      list.addSubnet(network, Number(bits), isIP(network) === 6 ? 'ipv6' : 'ipv4')
    }
  }
  return list.check(name, family === 6 ? 'ipv6' : 'ipv4')
}
