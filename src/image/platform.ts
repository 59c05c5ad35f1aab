/** Which image of an index is meant for this machine, or for the platform that was asked for. */

import { EngineError } from '../errors.ts'
import type { Descriptor, Index, Platform } from './oci.ts'

/** Go's names of the architectures that node names otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** Names that people use. @see github.com/containerd/platforms, normalizeArch */
const SYNONYMS: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' }

/** What this machine runs. */
export const HOST_PLATFORM: Platform = {
  os: 'linux',
  architecture: ARCHITECTURES[process.arch] ?? process.arch,
}

/** `linux/arm64`, `linux/arm/v7`, `arm64`. @throws {EngineError} IMAGE */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/')
  const [first = '', second, variant] = parts
  const isValid = parts.length <= 3 && parts.every((part) => /^[a-z0-9_.-]+$/.test(part))
  if (!isValid) {
    throw new EngineError('IMAGE', `Cannot understand platform "${text}": it is not OS/ARCH`, {
      hint: 'write it as linux/amd64 or linux/arm64/v8',
    })
  }
  const [os, architecture] = second === undefined ? ['linux', first] : [first, second]
  const known = SYNONYMS[architecture] ?? architecture
  return { os, architecture: known, ...(variant === undefined ? {} : { variant }) }
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== undefined && part !== '').join('/')
}

/** The entry for `wanted`. @throws {EngineError} IMAGE that names those there are */
export function choosePlatform(index: Index, wanted: Platform, what: string): Descriptor {
  const fitting = index.manifests.filter(({ platform }) => platform && fits(platform, wanted))
  const exact = fitting.find(({ platform }) => platform?.variant === wanted.variant)
  const found = exact ?? fitting[0] ?? onlyUnmarked(index)
  if (found) return found
  const known = index.manifests
    .filter(({ platform }) => platform !== undefined && platform.os !== 'unknown')
    .map(({ platform }) => formatPlatform(platform ?? wanted))
  const list = known.length === 0 ? 'none' : [...new Set(known)].slice(0, 20).join(', ')
  const message = `Cannot use the ${what}: it has nothing for ${formatPlatform(wanted)}`
  throw new EngineError('IMAGE', `${message}; it has ${list}`, {
    hint: 'ask for another one with "platform:", or use an image for this machine',
  })
}

/** A machine with arm64 runs any variant of it; where a variant is asked for it has to be that. */
function fits(platform: Platform, wanted: Platform): boolean {
  if (platform.os !== wanted.os || platform.architecture !== wanted.architecture) return false
  return (
    wanted.variant === undefined ||
    platform.variant === undefined ||
    platform.variant === wanted.variant
  )
}

/** A layout made by one tool for one machine often says nothing of platforms. */
function onlyUnmarked({ manifests }: Index): Descriptor | undefined {
  const [only, ...more] = manifests
  return more.length === 0 && only !== undefined && only.platform === undefined ? only : undefined
}
