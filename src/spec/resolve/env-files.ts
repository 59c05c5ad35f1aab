/** Reads `env_file` and `label_file` of the services into `environment` and `labels`. */
import { parseDotenv } from '../dotenv/parse.ts'
import { parseRawEnv } from '../dotenv/raw.ts'
import type { FileReader } from '../files/reader.ts'
import type { EnvFile, Service } from '../model.ts'
import type { Node } from '../tree/node.ts'
import { locate } from '../tree/locate.ts'
import { inKeyOrder } from '../shape/service.ts'
import { emptyObject, recordOf } from '../tree/plain.ts'

export interface ResolveContext {
  readonly reader: FileReader
  readonly tree: Node
  readonly environment: ReadonlyMap<string, string>
}

/** The service with its env files read; `environment` wins over them. */
export function resolveEnvironment(
  name: string,
  service: Service,
  context: ResolveContext,
): Service {
  if (service.env_file === undefined) return service
  const { env_file: files, ...rest } = service
  const own = service.environment ?? emptyObject<string | null>()
  const variables = new Map<string, string>()
  for (const [key, value] of Object.entries(own)) if (value !== null) variables.set(key, value)
  const lookup = (key: string): string | undefined =>
    context.environment.get(key) ?? own[key] ?? undefined
  for (const [index, file] of files.entries()) {
    const path = ['services', name, 'env_file', index]
    readFile(file, variables, { what: 'env file', path, lookup, ...context })
  }
  const environment = sorted({ ...recordOf(variables), ...own })
  return Object.keys(environment).length === 0 ? rest : inKeyOrder({ ...rest, environment })
}

/** The service with its label files read; `labels` win over them. */
export function resolveLabels(name: string, service: Service, context: ResolveContext): Service {
  if (service.label_file === undefined) return service
  const { label_file: files, ...rest } = service
  const variables = new Map<string, string>()
  for (const [index, path] of files.entries()) {
    const at = ['services', name, 'label_file', index]
    const file = { path, required: true }
    const lookup = (key: string): string | undefined => variables.get(key)
    readFile(file, variables, { what: 'label file', path: at, lookup, ...context })
  }
  const labels = sorted({ ...recordOf(variables), ...service.labels })
  return Object.keys(labels).length === 0 ? rest : inKeyOrder({ ...rest, labels })
}

interface ReadContext extends ResolveContext {
  /** What the file is, for messages. */
  readonly what: string
  readonly path: readonly (string | number)[]
  readonly lookup: (name: string) => string | undefined
}

function readFile(file: EnvFile, into: Map<string, string>, context: ReadContext): void {
  const { reader, lookup, tree, path, what } = context
  if (!file.required && reader.kindOf(file.path) === 'absent') return
  const place = locate(tree, path)
  const source = reader.read(file.path, { what, place })
  if (source === undefined) return
  const { report } = reader
  const before = new Map(into)
  if (file.format === undefined) parseDotenv(source, into, { lookup, report })
  else if (file.format === 'raw') parseRawEnv(source, into, { lookup, report })
  else {
    report.error({
      rule: 'invalid-value',
      place: locate(tree, [...path, 'format']),
      message:
        `Cannot read the env file "${file.path}" in the format "${file.format}": ` +
        'the only other format is "raw"',
    })
  }
  for (const [name, value] of into) {
    if (!value.includes('\0') || before.get(name) === value) continue
    report.error({
      rule: 'invalid-value',
      place,
      message:
        `Cannot use the ${what} "${file.path}": ` +
        `the value of "${name}" has a NUL in it, which ends every text there`,
    })
  }
}

function sorted<T>(values: Readonly<Record<string, T>>): Record<string, T> {
  return recordOf(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}
