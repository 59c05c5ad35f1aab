/** Finds the stack files: `-f`, else `COMPOSE_FILE`, else the default names, looked for upwards. */
import { dirname, isAbsolute, join } from 'node:path'
import type { FileReader } from './reader.ts'

/** Compose's own names in Compose's order, then ours. */
const NAMES = [
  'compose.yaml',
  'compose.yml',
  'docker-compose.yml',
  'docker-compose.yaml',
  'stack.yaml',
  'stack.yml',
]
const OVERRIDES = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
]

export interface DiscoverOptions {
  readonly cwd: string
  readonly files: readonly string[]
  readonly projectDirectory: string | undefined
  readonly environment: ReadonlyMap<string, string>
  readonly reader: FileReader
}

/** Absolute paths, or `-`. Empty when there is none. */
export function discoverFiles(options: DiscoverOptions): readonly string[] {
  const { cwd, files, environment } = options
  if (files.length > 0) return files.map((file) => absolute(file, cwd))
  const named = environment.get('COMPOSE_FILE')
  if (named !== undefined && named !== '') {
    const separator = environment.get('COMPOSE_PATH_SEPARATOR') || ':'
    return named.split(separator).map((file) => absolute(file, cwd))
  }
  return defaultFiles(options)
}

export function absolute(path: string, cwd: string): string {
  return path === '-' || isAbsolute(path) ? path : join(cwd, path)
}

function defaultFiles({ cwd, projectDirectory, reader }: DiscoverOptions): readonly string[] {
  for (let folder = projectDirectory ?? cwd; ; folder = dirname(folder)) {
    const found = present(NAMES, folder, reader)
    const [first] = found
    if (first !== undefined) {
      const overrides = present(OVERRIDES, folder, reader)
      warnSeveral(found, 'stack', reader)
      warnSeveral(overrides, 'override', reader)
      return [first, ...overrides.slice(0, 1)]
    }
    if (dirname(folder) === folder) return []
  }
}

function present(names: readonly string[], folder: string, reader: FileReader): string[] {
  return names.map((name) => join(folder, name)).filter((path) => reader.kindOf(path) !== 'absent')
}

function warnSeveral(paths: readonly string[], what: string, reader: FileReader): void {
  const [first, ...others] = paths
  if (first === undefined || others.length === 0) return
  const ignored = others.map((path) => reader.nameOf(path)).join(', ')
  reader.report.warn({
    rule: 'several-files',
    message:
      `Several ${what} files have default names; ` +
      `${reader.nameOf(first)} is used, not ${ignored}`,
  })
}
