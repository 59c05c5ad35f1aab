/** The shape of `build`. */
import { flag, type Kind, list, mapping, struct, text, texts } from './kinds.ts'
import { fileReference, ulimit } from './parts.ts'
import { assignedOnly, bytes, hosts, labels } from './values.ts'
import { scalarText } from '../tree/plain.ts'

/** `default`, or `id=path`. */
const ssh: Kind = (node) => {
  if (node.kind !== 'map' || node.entries.size === 0) return undefined
  return [...node.entries.values()].map(({ key, value }) =>
    value.kind === 'scalar' && value.value !== null ? `${key}=${scalarText(value)}` : key,
  )
}

export const build: Kind = struct({
  context: text,
  dockerfile: text,
  dockerfile_inline: text,
  entitlements: texts,
  args: assignedOnly,
  provenance: text,
  sbom: text,
  ssh,
  labels,
  cache_from: texts,
  cache_to: texts,
  no_cache: flag,
  no_cache_filter: texts,
  additional_contexts: labels,
  pull: flag,
  extra_hosts: hosts,
  isolation: text,
  network: text,
  target: text,
  secrets: list(fileReference),
  shm_size: bytes,
  tags: texts,
  ulimits: mapping(ulimit),
  platforms: texts,
  privileged: flag,
})
