/**
 * Configs and secrets whose content is a file: bind mounts, read-only, as Docker Compose has them.
 */

import { posix } from 'node:path'
import type { FileObject, FileReference, Service, Stack } from '../../spec/index.ts'
import type { MountSpec } from '../model.ts'

/** A config is found at `/<name>`, a secret at `/run/secrets/<name>`, unless they say where. */
export function fileMountsOf(stack: Stack, service: Service): readonly MountSpec[] {
  return [
    ...(service.configs ?? []).flatMap((each) => fileMount(each, stack.configs, '/')),
    ...(service.secrets ?? []).flatMap((each) => fileMount(each, stack.secrets, '/run/secrets')),
  ]
}

function fileMount(
  reference: FileReference,
  objects: Readonly<Record<string, FileObject>> | undefined,
  folder: string,
): readonly MountSpec[] {
  const file = objects?.[reference.source]?.file
  if (file === undefined) return []
  return [
    {
      kind: 'bind',
      source: file,
      target: posix.resolve(folder, reference.target ?? reference.source),
      readOnly: true,
      createHostPath: false,
    },
  ]
}
