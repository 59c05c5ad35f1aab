/** Drives `renderConfig` from a command line as `docker compose … config` would be; not shipped. */
import { createHash } from 'node:crypto'
import { parseArgs } from 'node:util'
import { SpecError } from '../../src/errors.ts'
import { type ConfigList, renderConfig, renderDiagnostics } from '../../src/spec/index.ts'
import { diskLoader } from './disk-loader.ts'

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

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    file: { type: 'string', short: 'f', multiple: true },
    profile: { type: 'string', multiple: true },
    'env-file': { type: 'string', multiple: true },
    'project-name': { type: 'string', short: 'p' },
    format: { type: 'string' },
    hash: { type: 'string' },
    warnings: { type: 'boolean' },
    ...Object.fromEntries(LISTS.map((list) => [list, { type: 'boolean' as const }])),
    'no-interpolate': { type: 'boolean' },
    'no-normalize': { type: 'boolean' },
    'no-path-resolution': { type: 'boolean' },
    'no-consistency': { type: 'boolean' },
    'no-env-resolution': { type: 'boolean' },
  },
})
const digest = (text: string): string => createHash('sha256').update(text).digest('hex')
try {
  const result = renderConfig(
    {
      cwd: process.cwd(),
      env: process.env,
      loader: diskLoader,
      files: values.file,
      profiles: values.profile,
      envFiles: values['env-file'],
      projectName: values['project-name'],
    },
    {
      format: values.format === 'json' ? 'json' : values.format === 'yaml' ? 'yaml' : undefined,
      list: LISTS.find((list) => (values as Record<string, unknown>)[list] === true),
      hash: values.hash === undefined ? undefined : { names: values.hash.split(','), digest },
      noInterpolate: values['no-interpolate'],
      noNormalize: values['no-normalize'],
      noPathResolution: values['no-path-resolution'],
      noConsistency: values['no-consistency'],
      noEnvResolution: values['no-env-resolution'],
    },
  )
  process.stdout.write(result.output)
  if (values.warnings === true) {
    process.stderr.write(renderDiagnostics(result.diagnostics, result.sources))
  }
} catch (error) {
  if (!(error instanceof SpecError)) throw error
  const errors = error.diagnostics.filter(({ severity }) => severity === 'error')
  process.stderr.write(renderDiagnostics(errors, error.sources))
  process.exitCode = 1
}
