/** `tsstack config`: the stack as it is after merging. Needs neither root nor supervisor. */

import { readConfig } from '../../daemon/index.ts'
import type { ConfigList } from '../../spec/index.ts'
import type { Context } from '../context.ts'
import { printText, say, wantsJson } from '../output.ts'

export interface ConfigFlags {
  readonly quiet?: boolean
  readonly json?: boolean
  readonly format?: string
  readonly list?: ConfigList
  readonly hash?: string
  readonly interpolate: boolean
  readonly normalize: boolean
  readonly pathResolution: boolean
  readonly consistency: boolean
  readonly envResolution: boolean
}

export async function config({ input }: Context, flags: ConfigFlags): Promise<number> {
  const { output, warnings } = await readConfig(input(), {
    format: wantsJson(flags) ? 'json' : 'yaml',
    list: flags.list,
    hash: flags.hash?.split(','),
    noInterpolate: !flags.interpolate,
    noNormalize: !flags.normalize,
    noPathResolution: !flags.pathResolution,
    noConsistency: !flags.consistency,
    noEnvResolution: !flags.envResolution,
  })
  if (warnings !== '') say(warnings.trimEnd())
  if (flags.quiet !== true) printText(output)
  return 0
}
