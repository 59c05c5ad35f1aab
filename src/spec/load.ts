/** Turns stack files into a `Stack`: the whole pipeline, phase after phase. */
import { activate } from './activate/profiles.ts'
import { withoutUnused } from './activate/unused.ts'
import { checkConsistency } from './check/check.ts'
import { positionOf } from './diagnostics/position.ts'
import { Report } from './diagnostics/report.ts'
import { isRemote } from './extends/extends.ts'
import type { FileContext, IncludedValues } from './files/context.ts'
import { loadTree, readDocuments } from './files/load-tree.ts'
import { findProject, projectName } from './files/project.ts'
import { FileReader } from './files/reader.ts'
import type { Service, Stack } from './model.ts'
import { normalize } from './normalize/normalize.ts'
import type { FoundPlace, LoadedStack, LoadRequest } from './request.ts'
import { resolveEnvironment, resolveLabels } from './resolve/env-files.ts'
import type { Path } from './schema/validate.ts'
import { shapeStack } from './shape/stack.ts'
import { reportUnsupported } from './support/warn.ts'
import { locate } from './tree/locate.ts'
import type { MapNode, Place } from './tree/node.ts'
import { emptyObject, recordOf } from './tree/plain.ts'

/**
 * A merged tree and what was learnt on the way to it; for `config --no-interpolate` and for
 * `explain`.
 */
export interface LoadedTree {
  readonly tree: MapNode
  readonly name: string
  readonly directory: string
  readonly files: readonly string[]
  readonly environment: ReadonlyMap<string, string>
  readonly profiles: readonly string[]
  /** Paths that violated the schema and were taken out. */
  readonly wrong: readonly Path[]
  readonly includedValues: IncludedValues
  readonly report: Report
  readonly reader: FileReader
}

/**
 * Loads, merges, checks and normalises the stack files of a request.
 * @throws {SpecError} with every error found, when there is at least one.
 */
export function loadStack(request: LoadRequest): LoadedStack {
  const loaded = loadMerged(request)
  const { tree, name, report, reader } = loaded
  const all = shapeStack(tree, name, report)
  const activation = activate(all, loaded.profiles, request.services ?? [])
  const isActive = (service: string): boolean => activation.active[service] !== undefined
  reportUnsupported(tree, { report, isActive })
  const phases = request.phases ?? {}
  if (phases.consistency !== false) {
    checkConsistency(all, {
      activation,
      report,
      tree,
      wrong: loaded.wrong,
      feasibility: phases.feasibility !== false,
    })
  }
  const services = emptyObject<Service>()
  for (const [key, service] of Object.entries(activation.active)) {
    services[key] = phases.resolveEnvironment === false ? service : withFiles(key, service, loaded)
  }
  report.throwIfErrors(request.strict)
  const whole = { ...all, services }
  const stack = withoutUndefined(request.allResources === true ? whole : withoutUnused(whole))
  return {
    stack,
    diagnostics: report.diagnostics(),
    sources: report.sources(),
    placeOf: (path) => foundPlace(locate(tree, path, 'key')),
    projectDirectory: loaded.directory,
    files: loaded.files,
    dependencies: reader.looked(),
    environment: recordOf(loaded.environment),
    includedValues: {
      configs: recordOf(loaded.includedValues.configs),
      secrets: recordOf(loaded.includedValues.secrets),
    },
    profiles: activation.known,
    inactiveServices: Object.keys(activation.disabled).sort(),
  }
}

function foundPlace({ source, start, end }: Place): FoundPlace {
  const { line, column } = positionOf(source, start)
  return { file: source.name, line, column, length: Math.max(1, end - start) }
}

function withFiles(name: string, service: Service, loaded: LoadedTree): Service {
  return resolveLabels(name, resolveEnvironment(name, service, loaded), loaded)
}

function withoutUndefined(stack: Stack): Stack {
  const kept = Object.entries(stack).filter(([, value]) => value !== undefined)
  return recordOf(kept) as unknown as Stack
}

/**
 * The first half: files to one normalised tree.
 * @throws {SpecError} when nothing is left to go on with.
 */
export function loadMerged(request: LoadRequest): LoadedTree {
  const report = new Report()
  const reader = new FileReader(request.loader, report, request.cwd)
  for (const file of (request.files ?? []).filter(isRemote)) reportRemote(report, file)
  report.throwIfErrors()
  const project = findProject(request, reader)
  if (project.files.length === 0) {
    report.error({
      rule: 'no-file',
      message: 'Cannot find a stack file: no configuration file provided',
      hint: 'name one with -f, or add compose.yaml or stack.yaml here or in a folder above',
    })
  }
  const phases = request.phases ?? {}
  // Without interpolation nothing is taken from the environment.
  const variables = phases.interpolate === false ? new Map<string, string>() : project.environment
  const context: FileContext = {
    report,
    reader,
    phases,
    directory: project.directory,
    base: phases.resolvePaths === false ? undefined : project.directory,
    environment: variables,
    home: project.environment.get('HOME'),
    including: [],
    wrong: [],
    includedValues: { configs: new Map(), secrets: new Map() },
    documents: new Map(),
    extended: new Map(),
  }
  const files = project.files.map((path) => ({ path }))
  const documents = files.flatMap((file) => readDocuments(file, context))
  const name = projectName(request, project, documents, reader)
  project.environment.set('COMPOSE_PROJECT_NAME', name)
  const tree = loadTree(files, context)
  if (tree === undefined || tree.entries.size === 0) {
    if (!report.hasErrors()) reportEmpty(project.files, reader)
    report.throwIfErrors()
    throw new Error('unreachable: an empty tree is an error')
  }
  if (name === '') reportNameless(report)
  const normal = phases.normalize === false ? tree : normalize(tree, { name, variables })
  const { directory, environment, profiles } = project
  return {
    tree: normal,
    name,
    directory,
    files: project.files,
    environment,
    profiles,
    wrong: context.wrong,
    includedValues: context.includedValues,
    report,
    reader,
  }
}

function reportEmpty(files: readonly string[], reader: FileReader): void {
  for (const file of files.slice(0, 1)) {
    reader.report.error({
      rule: 'empty',
      file: reader.nameOf(file),
      message:
        `Cannot load ${reader.nameOf(file)}: empty compose file; ` +
        'a stack needs at least one service',
    })
  }
}

function reportRemote(report: Report, file: string): void {
  report.error({
    rule: 'not-supported',
    message:
      `Cannot read the stack file "${file}": remote files are not supported yet; ` +
      'fetch it, as with git clone, and name its path',
  })
}

function reportNameless(report: Report): void {
  report.error({
    rule: 'project-name',
    message:
      'Cannot name the project: the project name must not be empty; name it with -p, or with the top-level key "name"',
  })
}
