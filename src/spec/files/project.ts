/**
 * The project's folder, variables and name: what the command line, the environment and `.env` say
 * about them.
 */
import { basename, join } from 'node:path'
import { type EnvFilePath, readEnvFiles } from '../dotenv/env-files.ts'
import { substitute, TemplateError } from '../interpolate/template.ts'
import type { LoadRequest } from '../request.ts'
import { getString, get, type Node } from '../tree/node.ts'
import { absolute, discoverFiles } from './discover.ts'
import { type FileReader, folderOf } from './reader.ts'

export interface Project {
  readonly directory: string
  readonly files: readonly string[]
  /** The caller's variables over those of `.env` and `--env-file`. */
  readonly environment: Map<string, string>
  readonly profiles: readonly string[]
}

/** Looks for the files. The variables come first, for `.env` may name the files. */
export function findProject(request: LoadRequest, reader: FileReader): Project {
  const { cwd } = request
  const given = request.projectDirectory
  const projectDirectory = given === undefined || given === '' ? undefined : absolute(given, cwd)
  const environment = callerEnvironment(request)
  const files = request.files ?? []
  const firstFolder = firstFolderOf(files.map((file) => absolute(file, cwd)))
  const early = projectDirectory ?? firstFolder ?? cwd
  addEnvFiles(environment, early, request, reader)
  const found = discoverFiles({ cwd, files, projectDirectory, environment, reader })
  const directory = projectDirectory ?? firstFolderOf(found) ?? cwd
  if (directory !== early) addEnvFiles(environment, directory, request, reader)
  return { directory, files: found, environment, profiles: profilesOf(request, environment) }
}

function firstFolderOf(files: readonly string[]): string | undefined {
  const first = files.find((file) => file !== '-')
  return first === undefined ? undefined : folderOf(first, '/')
}

function callerEnvironment({ env }: LoadRequest): Map<string, string> {
  const variables = new Map<string, string>()
  for (const [name, value] of Object.entries(env))
    if (value !== undefined) variables.set(name, value)
  return variables
}

function addEnvFiles(
  environment: Map<string, string>,
  directory: string,
  request: LoadRequest,
  reader: FileReader,
): void {
  const paths = envFilePaths(directory, request, reader)
  const variables = readEnvFiles(paths, (name) => environment.get(name), reader)
  for (const [name, value] of variables) if (!environment.has(name)) environment.set(name, value)
}

function envFilePaths(directory: string, request: LoadRequest, reader: FileReader): EnvFilePath[] {
  const { envFiles = [], env, cwd } = request
  const named = envFiles.length > 0 ? envFiles : (env['COMPOSE_ENV_FILES'] ?? '').split(',')
  const paths = named.filter((path) => path !== '').map((path) => ({ path: absolute(path, cwd) }))
  if (paths.length > 0) return paths
  if (/^(?:1|t|true)$/i.test(env['COMPOSE_DISABLE_ENV_FILE'] ?? '')) return []
  const path = join(directory, '.env')
  return reader.kindOf(path) === 'file' ? [{ path }] : []
}

function profilesOf(
  { profiles = [] }: LoadRequest,
  environment: ReadonlyMap<string, string>,
): readonly string[] {
  if (profiles.length > 0) return profiles
  return (environment.get('COMPOSE_PROFILES') ?? '')
    .split(',')
    .map((profile) => profile.trim())
    .filter((profile) => profile !== '')
}

/** Lower-cased, without the characters that no name may have. */
function normalizeName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '')
}

/**
 * `-p`, else `COMPOSE_PROJECT_NAME`, else the last top-level `name`, else the folder's name; with
 * the instance after it.
 */
export function projectName(
  request: LoadRequest,
  project: Project,
  trees: readonly Node[],
  reader: FileReader,
): string {
  const name = plainName(request, project, trees, reader)
  return request.instance === undefined ? name : `${name}-${request.instance}`
}

function plainName(
  request: LoadRequest,
  project: Project,
  trees: readonly Node[],
  reader: FileReader,
): string {
  const imposed = request.projectName || project.environment.get('COMPOSE_PROJECT_NAME')
  if (imposed !== undefined && imposed !== '') {
    if (normalizeName(imposed) === imposed) return imposed
    reader.report.error({
      rule: 'project-name',
      message:
        `Cannot use "${imposed}" as a project name: ` +
        'it needs lower-case letters, digits, "-" and "_", and begins with a letter or digit',
    })
    return normalizeName(imposed)
  }
  const written = writtenName(trees, project, reader)
  return written !== undefined && written !== ''
    ? written
    : normalizeName(basename(project.directory))
}

function writtenName(
  trees: readonly Node[],
  { environment }: Project,
  reader: FileReader,
): string | undefined {
  const last = trees.findLast((tree) => (getString(tree, 'name') ?? '') !== '')
  const node = get(last, 'name')
  const template = getString(last, 'name')
  if (node === undefined || template === undefined) return undefined
  try {
    return normalizeName(substitute(template, (name) => environment.get(name)))
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    reader.report.error({
      rule: 'interpolation',
      place: node.place,
      message: `Cannot fill in the project name: ${error.message}`,
    })
    return undefined
  }
}
