/** Configs and secrets: files that are copied into the memory of a container. */

import { posix } from 'node:path'
import type { FileObject, FileReference, Service, Stack } from '../../spec/index.ts'
import { type FileMountSpec, valueKey } from '../model-isolation.ts'

/** Docker's mode of secrets and configs: everyone may read. */
const MODE_DEFAULT = 0o444

/** By the name of the config or secret. */
export interface IncludedValues {
  readonly configs: Readonly<Record<string, string | undefined>>
  readonly secrets: Readonly<Record<string, string | undefined>>
}

/** A config is found at `/<name>`, a secret at `/run/secrets/<name>`, unless they say where. */
export function fileMountsOf(stack: Stack, service: Service): readonly FileMountSpec[] {
  const { configs = [], secrets = [] } = service
  return [
    ...configs.flatMap((each) => fileMount('config', each, stack.configs)),
    ...secrets.flatMap((each) => fileMount('secret', each, stack.secrets)),
  ]
}

/**
 * Contents that stand in the stack file or in a variable of `environment`, by `valueKey`; one that
 * is not set has none.
 */
export function fileValues(
  stack: Stack,
  environment: Readonly<Record<string, string | undefined>>,
  included?: IncludedValues,
): Readonly<Record<string, string>> {
  const entries = (['config', 'secret'] as const).flatMap((object) =>
    Object.entries(stack[`${object}s`] ?? {}).flatMap(
      ([name, { content, environment: variable }]) => {
        const own = variable === undefined ? undefined : environment[variable]
        const value = content ?? included?.[`${object}s`][name] ?? own
        return value === undefined ? [] : [[valueKey({ object, name }), value] as const]
      },
    ),
  )
  return Object.fromEntries(entries)
}

function fileMount(
  object: FileMountSpec['object'],
  reference: FileReference,
  objects: Readonly<Record<string, FileObject>> | undefined,
): readonly FileMountSpec[] {
  const { source, target = source, uid, gid, mode } = reference
  const definition = objects?.[source]
  if (definition === undefined) return []
  return [
    {
      kind: 'file',
      target: posix.resolve(object === 'config' ? '/' : '/run/secrets', target),
      object,
      name: source,
      from: originOf(definition),
      uid: Number(uid ?? 0),
      gid: Number(gid ?? 0),
      mode: mode === undefined ? MODE_DEFAULT : Number.parseInt(mode, 8),
    },
  ]
}

function originOf({ external, file, name }: FileObject): FileMountSpec['from'] {
  if (external === true) return { kind: 'external', name }
  return file === undefined ? { kind: 'value' } : { kind: 'file', path: file }
}
