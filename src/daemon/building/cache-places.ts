/** `cache_from` and `cache_to`: which directories a build takes its cache from, and leaves it in. */

import { resolve } from 'node:path'
import type { BuildRequest } from '../../build/index.ts'
import { EngineError } from '../../errors.ts'
import type { DesiredBuild } from '../../planner/index.ts'

export interface CachePlaces extends Pick<BuildRequest, 'cacheFrom' | 'cacheTo'> {
  /** What was asked for and is not done. */
  readonly warnings: readonly string[]
}

/**
 * Docker's other kinds keep what only its own builder can read: they are left out, and said to be.
 * @throws {EngineError} BUILD for what cannot be understood
 */
export function cachePlaces(
  { service, cacheFrom = [], cacheTo = [] }: DesiredBuild,
  directory: string,
): CachePlaces {
  const warnings: string[] = []
  const local = (entries: readonly string[], where: 'cache_from' | 'cache_to'): readonly Fields[] =>
    entries.flatMap((entry) => {
      const fields = fieldsOf(entry)
      const type = fields.get('type') ?? 'registry'
      if (type === 'local') return [fields]
      warnings.push(`"${where}: ${entry}" of "${service}" is left out: only type=local is used`)
      return []
    })
  const place = (fields: Fields, key: 'src' | 'dest'): string => {
    const path = fields.get(key)
    if (path !== undefined && path !== '') return resolve(directory, path)
    const where = key === 'src' ? 'cache_from' : 'cache_to'
    throw new EngineError('BUILD', `Cannot use "${where}" of "${service}": it names no directory`, {
      hint: `write type=local,${key}=DIRECTORY`,
    })
  }
  return {
    cacheFrom: local(cacheFrom, 'cache_from').map((fields) => place(fields, 'src')),
    cacheTo: local(cacheTo, 'cache_to').map((fields) => ({
      directory: place(fields, 'dest'),
      mode: fields.get('mode') === 'max' ? 'max' : 'min',
    })),
    warnings,
  }
}

type Fields = ReadonlyMap<string, string>

/** `type=local,src=/cache`; a name alone is that of an image. */
function fieldsOf(entry: string): Fields {
  if (!entry.includes('=')) return new Map([['ref', entry]])
  const pairs = entry.split(',').map((field): [string, string] => {
    const at = field.indexOf('=')
    return [field.slice(0, at).trim().toLowerCase(), field.slice(at + 1).trim()]
  })
  return new Map(pairs)
}
