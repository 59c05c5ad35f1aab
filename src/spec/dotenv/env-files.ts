/** Reads env files one after the other; later ones win. */
import type { FileReader } from '../files/reader.ts'
import type { Lookup } from '../interpolate/template.ts'
import type { Place } from '../tree/node.ts'
import { parseDotenv } from './parse.ts'

export interface EnvFilePath {
  readonly path: string
  /** Where the path was written; absent: on the command line, or a default. */
  readonly place?: Place | undefined
}

/** Values from outside win when a value of a file names them, but are not in the result. */
export function readEnvFiles(
  files: readonly EnvFilePath[],
  outside: Lookup,
  reader: FileReader,
): Map<string, string> {
  const variables = new Map<string, string>()
  for (const { path, place } of files) {
    const source = reader.read(path, { what: 'env file', place })
    if (source !== undefined) {
      parseDotenv(source, variables, { lookup: outside, report: reader.report })
    }
  }
  return variables
}
