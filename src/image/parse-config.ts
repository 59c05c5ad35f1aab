/** From the bytes of an image's configuration to exact types. @see OCI image-spec, config.md */

import { posix } from 'node:path'
import { IMAGE_VOLUMES_MAX } from '../limits.ts'
import { isDigest } from './digest.ts'
import { asObject, broken, countField, field, type Json, listField, parseJson } from './json.ts'
import { textField, textMapField, textsField, withoutNul } from './json.ts'
import type { HistoryEntry, ImageConfig, ImageHealthcheck, ImageSettings } from './oci.ts'

/** @throws {EngineError} IMAGE_CORRUPT */
export function parseConfig(bytes: Uint8Array, what: string): ImageConfig {
  const object = parseJson(bytes, what)
  const rootfs = asObject(field(object, 'rootfs') ?? {}, `rootfs of the ${what}`)
  const diffIds = listField(rootfs, 'diff_ids', what) ?? []
  const wrong = diffIds.find((id) => !isDigest(id))
  if (wrong !== undefined) throw broken(what, 'a diff_id is no sha256 digest')
  const config = field(object, 'config')
  const variant = textField(object, 'variant', what)
  return definedOnly({
    platform: {
      os: textField(object, 'os', what) || 'linux',
      architecture: textField(object, 'architecture', what) ?? '',
      ...(variant === undefined || variant === '' ? {} : { variant }),
    },
    created: textField(object, 'created', what),
    author: textField(object, 'author', what),
    settings: config === undefined ? {} : parseSettings(asObject(config, what), what),
    diffIds: diffIds.filter(isDigest),
    history: (listField(object, 'history', what) ?? []).map((entry) => parseHistory(entry, what)),
  })
}

function parseSettings(config: Json, what: string): ImageSettings {
  const settings = {
    environment: textsField(config, 'Env', what),
    // An empty list says nothing, as with Docker.
    entrypoint: filled(textsField(config, 'Entrypoint', what)),
    command: filled(textsField(config, 'Cmd', what)),
    workingDir: placeOf(textField(config, 'WorkingDir', what)),
    user: textField(config, 'User', what) || undefined,
    volumes: filled(parseVolumes(config, what)),
    stopSignal: textField(config, 'StopSignal', what) || undefined,
    healthcheck: parseHealthcheck(field(config, 'Healthcheck'), what),
    exposedPorts: filled(keysOf(config, 'ExposedPorts', what)),
    labels: textMapField(config, 'Labels', what),
    shell: filled(textsField(config, 'Shell', what)),
    onBuild: filled(textsField(config, 'OnBuild', what)),
  }
  return definedOnly(settings)
}

/** Durations in an image are nanoseconds. */
function parseHealthcheck(value: unknown, what: string): ImageHealthcheck | undefined {
  if (value === undefined) return undefined
  const object = asObject(value, `Healthcheck of the ${what}`)
  const test = filled(textsField(object, 'Test', what))
  // As with Docker, an empty kind says nothing.
  if (test === undefined || test[0] === '') return undefined
  if (!['NONE', 'CMD', 'CMD-SHELL'].includes(test[0] ?? '')) {
    throw broken(what, `Healthcheck is of the unknown kind "${test[0]?.slice(0, 100)}"`)
  }
  const milliseconds = (key: string): number | undefined => {
    const nanoseconds = countField(object, key, what)
    return nanoseconds ? Math.max(1, Math.round(nanoseconds / 1e6)) : undefined
  }
  return definedOnly({
    test,
    intervalMs: milliseconds('Interval'),
    timeoutMs: milliseconds('Timeout'),
    startPeriodMs: milliseconds('StartPeriod'),
    startIntervalMs: milliseconds('StartInterval'),
    retries: countField(object, 'Retries', what) || undefined,
  })
}

function parseHistory(value: unknown, what: string): HistoryEntry {
  const object = asObject(value, `history of the ${what}`)
  return definedOnly({
    created: textField(object, 'created', what),
    createdBy: textField(object, 'created_by', what),
    comment: textField(object, 'comment', what),
    author: textField(object, 'author', what),
    isEmptyLayer: field(object, 'empty_layer') === true,
  })
}

function keysOf(object: Json, key: string, what: string): readonly string[] | undefined {
  const value = field(object, key)
  if (value === undefined) return undefined
  const keys = Object.keys(asObject(value, `"${key}" of ${what}`))
  return keys.map((name) => withoutNul(name, key, what))
}

/** Each becomes a volume of its own. */
function parseVolumes(config: Json, what: string): readonly string[] | undefined {
  const paths = keysOf(config, 'Volumes', what)?.map(normalPath)
  if (paths === undefined) return undefined
  if (paths.includes('/')) throw broken(what, '"Volumes" names the root')
  if (paths.length <= IMAGE_VOLUMES_MAX) return [...new Set(paths)]
  throw broken(what, `it has ${paths.length} volumes; ${IMAGE_VOLUMES_MAX} are the most`)
}

/** `../data` and `data/` are places in the container as well: taken from its root. */
function normalPath(path: string): string {
  return posix.resolve('/', path)
}

function placeOf(path: string | undefined): string | undefined {
  return path === undefined || path === '' ? undefined : normalPath(path)
}

function filled<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** Leaves out what is undefined. */
function definedOnly<T extends object>(object: T): Defined<T> {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Defined<T>
}
