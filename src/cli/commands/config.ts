/** `tsstack config`: the stack as it is after merging. Needs neither root nor supervisor. */

import { Option } from 'commander'
import { readConfig } from '../../daemon/index.ts'
import type { ConfigList } from '../../spec/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions, jsonOption } from '../options.ts'
import { printText, say, wantsJson } from '../output.ts'

const LISTS: readonly ConfigList[] = [
  'services',
  'volumes',
  'networks',
  'images',
  'profiles',
  'models',
  'environment',
  'variables',
]

export const configCommand: CommandModule = {
  name: 'config',
  summary: 'check the stack file and print it in full',
  define: (command, run) => {
    addStackOptions(command)
      .option('-q, --quiet', 'check only')
      .addOption(new Option('--format <format>').choices(['yaml', 'json']).default('yaml'))
      .addOption(jsonOption())
      .option('--hash <services>', 'hash of the services named, * for all')
      .option('--no-interpolate', 'leave variables as they are')
      .option('--no-normalize', 'leave short forms as they are')
      .option('--no-path-resolution', 'leave paths as they are')
      .option('--no-consistency', 'do not check what belongs together')
      .option('--no-env-resolution', 'do not read env files of services')
    for (const list of LISTS) {
      command.addOption(new Option(`--${list}`, `names of ${list} only`).implies({ list }))
    }
    command.action((flags: ConfigFlags) => run((context) => config(context, flags)))
  },
}

interface ConfigFlags {
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

async function config({ input }: Context, flags: ConfigFlags): Promise<number> {
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
