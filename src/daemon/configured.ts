/** `config.json` of the state directory: what root says of the supervisor. */

import { existsSync, readFileSync } from 'node:fs'
import { UsageError, errorText } from '../errors.ts'

export interface Configured {
  /** Who may use the socket beside root: see access.ts. */
  readonly group?: string
  /** See host-names.ts. */
  readonly names?: unknown
}

/** Empty when there is no such file. @throws {UsageError} when it cannot be read */
export function readConfigured(config: string): Configured {
  if (!existsSync(config)) return {}
  try {
    const { group, names } = JSON.parse(readFileSync(config, 'utf8')) as Record<string, unknown>
    if (group !== undefined && typeof group !== 'string') throw new Error('"group" is not a string')
    return {
      ...(group === undefined ? {} : { group }),
      ...(names === undefined ? {} : { names }),
    }
  } catch (cause) {
    const seen = errorText(cause)
    throw new UsageError(`Cannot read "${config}": ${seen}`, {
      hint: 'it has to look like {"group": "NAME"}',
      cause,
    })
  }
}
