/** `tsstack config`: the stack as it is after merging. Needs neither root nor supervisor. */

import { writeFileSync } from 'node:fs'
import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { checkConfig, readConfig, readPinnedConfig } from '../../daemon/index.ts'
import type { DiagnosticsFormat } from '../../daemon/index.ts'
import { UsageError, errorText } from '../../errors.ts'
import type { ConfigList, ConfigOptions } from '../../spec/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions, jsonOption } from '../options.ts'
import { printText, say, wantsJson } from '../output.ts'
import { exitOf } from '../render-error.ts'

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
  define: (command, run) => {
    addChecks(addStackOptions(command).argument('[services...]', 'these and what they depend on'))
    addForms(command)
    for (const list of LISTS) {
      command.addOption(new Option(`--${list}`, LIST_HELP[list]).implies({ list }))
    }
    command.action((services: readonly string[], flags: ConfigFlags) =>
      run((context) => config(context, services, flags)),
    )
  },
}

const LIST_HELP: Readonly<Record<ConfigList, string>> = {
  services: 'names of services only',
  volumes: 'names of volumes only',
  networks: 'names of networks only',
  images: 'names of images only',
  profiles: 'names of profiles only',
  models: 'names of models only',
  environment: 'variables that fill in the file, NAME=VALUE',
  variables: 'variables that the file asks for',
}

function addChecks(command: Command): void {
  command
    .option('-q, --quiet', 'check only')
    .addOption(
      new Option(
        '--diagnostics <format>',
        'print what is wrong instead of the stack: json, or sarif for code scanning',
      ).choices(['json', 'sarif']),
    )
    .option('-o, --output <file>', 'write to the file, not to standard output')
}

function addForms(command: Command): void {
  command
    .addOption(new Option('--format <format>', 'yaml by default').choices(['yaml', 'json']))
    .addOption(jsonOption())
    .addOption(
      new Option('--hash <services>', 'hash of the services, comma-separated; * for all').argParser(
        parseNames,
      ),
    )
    .option('--resolve-image-digests', 'name images by what their registries have now')
    .option('--lock-image-digests', 'print these names alone, as a file to merge with -f')
    .option('--no-interpolate', 'leave variables as they are')
    .option('--no-normalize', 'leave short forms as they are')
    .option('--no-path-resolution', 'leave paths as they are')
    .option('--no-consistency', 'do not check what belongs together')
    .option('--no-env-resolution', 'do not read env files of services')
}

interface ConfigFlags {
  readonly quiet?: boolean
  readonly diagnostics?: DiagnosticsFormat
  readonly output?: string
  readonly json?: boolean
  readonly format?: 'yaml' | 'json'
  readonly list?: ConfigList
  readonly hash?: readonly string[]
  readonly resolveImageDigests?: boolean
  readonly lockImageDigests?: boolean
  readonly interpolate: boolean
  readonly normalize: boolean
  readonly pathResolution: boolean
  readonly consistency: boolean
  readonly envResolution: boolean
}

async function config(
  { input }: Context,
  services: readonly string[],
  flags: ConfigFlags,
): Promise<number> {
  const { hash, diagnostics } = flags
  const request = { ...optionsOf(flags, services), hash }
  if (diagnostics !== undefined) {
    const { output, isValid } = await checkConfig(input(), request, diagnostics)
    write(output, flags.output)
    return isValid ? 0 : exitOf('INVALID_STACK')
  }
  const isPinned = flags.resolveImageDigests === true || flags.lockImageDigests === true
  const { output, warnings } = isPinned
    ? await readPinnedConfig(input(), request, process.env)
    : await readConfig(input(), request)
  if (warnings !== '') say(warnings.trimEnd())
  if (flags.quiet !== true) write(output, flags.output)
  return 0
}

function optionsOf(flags: ConfigFlags, services: readonly string[]): Omit<ConfigOptions, 'hash'> {
  return {
    format: wantsJson(flags) ? 'json' : flags.format,
    list: flags.list,
    services,
    lock: flags.lockImageDigests,
    noInterpolate: !flags.interpolate,
    noNormalize: !flags.normalize,
    noPathResolution: !flags.pathResolution,
    noConsistency: !flags.consistency,
    noEnvResolution: !flags.envResolution,
  }
}

/** @throws {UsageError} when the file cannot be written. */
function write(text: string, file: string | undefined): void {
  if (file === undefined) {
    printText(text)
    return
  }
  try {
    writeFileSync(file, text)
  } catch (error) {
    const reason = errorText(error)
    throw new UsageError(`Cannot write "${file}": ${reason}`, { cause: error })
  }
}

function parseNames(value: string): readonly string[] {
  const names = value.split(',').filter((name) => name !== '')
  if (names.length > 0) return names
  throw new InvalidArgumentError('it names no service; * means all.')
}
