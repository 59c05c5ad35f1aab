/** Mounts whose files belong to other users inside than outside. */

import { EngineError } from '../errors.ts'
import type { Fd } from '../linux/index.ts'
import type { MountOptions } from './mount-options.ts'
import type { SpecMount } from './spec.ts'

/** The tree itself, as nobody asks for a mapped one yet. */
export function idmapTree(
  fd: Fd,
  { mount, options }: { readonly mount: SpecMount; readonly options: MountOptions },
): Fd {
  if (options.idmap === 'none' && mount.uidMappings === undefined) return fd
  throw new EngineError('NOT_SUPPORTED', `Cannot map the owners of "${mount.destination}"`)
}
