/** Drives `renderConfig` from a command line as `docker compose … config` would be; not shipped. */
import { SpecError } from '../../src/errors.ts'
import {
  type ConfigList,
  type ConfigOptions,
  renderConfig,
  renderDiagnostics,
} from '../../src/spec/index.ts'
import { diskLoader } from './disk-loader.ts'

interface Parsed {
  readonly files: string[]
  readonly profiles: string[]
  readonly envFiles: string[]
  projectName?: string
  options: ConfigOptions
}

const LISTS = ['services', 'volumes', 'networks', 'images', 'profiles', 'environment', 'variables']

function parse(words: readonly string[]): Parsed {
  const parsed: Parsed = { files: [], profiles: [], envFiles: [], options: {} }
  const rest = [...words]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '-f') parsed.files.push(rest.shift() ?? '')
    else if (word === '--profile') parsed.profiles.push(rest.shift() ?? '')
    else if (word === '--env-file') parsed.envFiles.push(rest.shift() ?? '')
    else if (word === '-p') parsed.projectName = rest.shift() ?? ''
    else if (word === '--format') {
      parsed.options = { ...parsed.options, format: rest.shift() === 'json' ? 'json' : 'yaml' }
    } else if (word === '--hash') {
      parsed.options = { ...parsed.options, hash: (rest.shift() ?? '').split(',') }
    } else if (word.startsWith('--no-')) {
      const name = word
        .slice(2)
        .replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
      parsed.options = { ...parsed.options, [name]: true }
    } else if (LISTS.includes(word.slice(2))) {
      parsed.options = { ...parsed.options, list: word.slice(2) as ConfigList }
    }
  }
  return parsed
}

const { options, ...request } = parse(process.argv.slice(2))
try {
  const result = renderConfig(
    { ...request, cwd: process.cwd(), env: process.env, loader: diskLoader },
    options,
  )
  process.stdout.write(result.output)
} catch (error) {
  if (!(error instanceof SpecError)) throw error
  process.stderr.write(
    renderDiagnostics(
      error.diagnostics.filter(({ severity }) => severity === 'error'),
      error.sources,
    ),
  )
  process.exitCode = 1
}
