/** What a name means in its registry now. */

import { type Digest, digestOf } from './digest.ts'
import { formatReference, type Reference } from './reference.ts'
import { type Env, Http, openRegistryImage, readRegistrySettings } from './registry/index.ts'

/**
 * The whole name with the digest of its manifest, `docker.io/library/nginx:1@sha256:…`; of an image
 * for several platforms that of its index. Nothing is kept. Throws REGISTRY, IMAGE.
 */
export async function resolveName(
  reference: Reference,
  options: { readonly env: Env; readonly signal?: AbortSignal | undefined },
): Promise<string> {
  using http = new Http(readRegistrySettings(options.env))
  const source = await openRegistryImage(http, reference, options)
  const digest: Digest = digestOf((await source.root()).bytes)
  return formatReference({ ...reference, digest })
}
