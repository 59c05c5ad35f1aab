/** Input schema of `build`. */
import {
  assignments,
  either,
  fixed,
  flag,
  integerOrText,
  listOf,
  numberOrText,
  type Schema,
  text,
} from './kinds.ts'
import { extraHosts, fileMounts, ulimits } from './parts.ts'

export const buildSchema: Schema = either(
  text,
  fixed({
    context: text,
    dockerfile: text,
    dockerfile_inline: text,
    entitlements: listOf(text),
    args: assignments,
    ssh: assignments,
    labels: assignments,
    cache_from: listOf(text),
    cache_to: listOf(text),
    no_cache: flag,
    no_cache_filter: either(text, listOf(text)),
    additional_contexts: assignments,
    network: text,
    provenance: flag,
    sbom: flag,
    pull: flag,
    target: text,
    shm_size: either(integerOrText, numberOrText),
    extra_hosts: extraHosts,
    isolation: text,
    privileged: flag,
    secrets: fileMounts,
    tags: listOf(text),
    ulimits,
    platforms: listOf(text),
  }),
)
