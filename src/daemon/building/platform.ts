/** Which of a build's platforms is built here: this machine's. */

import { EngineError } from '../../errors.ts'
import { formatPlatform, HOST_PLATFORM, parsePlatform } from '../../image/index.ts'
import type { DesiredBuild } from '../../planner/index.ts'
import type { BuildFlags } from './request.ts'

/** @throws {EngineError} BUILD, IMAGE */
export function choosePlatform(
  { service, platforms }: Pick<DesiredBuild, 'service' | 'platforms'>,
  { isForOthers = false }: Pick<BuildFlags, 'isForOthers'>,
): { readonly chosen: string | undefined; readonly warnings: readonly string[] } {
  if (platforms.length === 0) return { chosen: undefined, warnings: [] }
  const own = formatPlatform(HOST_PLATFORM)
  const chosen = platforms.find((each) => isOwn(each))
  const others = platforms.filter((each) => each !== chosen)
  const list = others.join(', ')
  if (chosen === undefined) {
    throw new EngineError('BUILD', `Cannot build "${service}" for ${list}: this is ${own}`, {
      hint: `add "${own}" to "platforms", or build it on a machine of that kind`,
    })
  }
  if (others.length === 0) return { chosen: own, warnings: [] }
  if (isForOthers) {
    throw new EngineError(
      'BUILD',
      `Cannot push "${service}" for ${platforms.join(', ')}: only ${own} can be built here`,
      { hint: 'leave the others out of "platforms", or push them from machines of their kind' },
    )
  }
  const warning = `"${service}" is built for ${own} only: this machine runs nothing for ${list}`
  return { chosen: own, warnings: [warning] }
}

function isOwn(text: string): boolean {
  const { os, architecture, variant } = parsePlatform(text)
  if (os !== HOST_PLATFORM.os || architecture !== HOST_PLATFORM.architecture) return false
  return variant === undefined || variant === LOWEST_VARIANTS[architecture]
}

/** What every machine of the architecture runs. */
const LOWEST_VARIANTS: Readonly<Record<string, string>> = { amd64: 'v1', arm64: 'v8' }
