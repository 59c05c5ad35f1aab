/** Creates a container of a bundle: everything but its program, which waits to be started. */

import { closeSync, constants, openSync, renameSync, writeFileSync } from 'node:fs'
import { Undo } from '../engine/index.ts'
import { UsageError } from '../errors.ts'
import {
  type Cgroup,
  closeCgroupJoin,
  detectCgroups,
  makeFifo,
  type Program,
  spawn,
  waitForExit,
} from '../linux/index.ts'
import { assembleBundle } from './assemble.ts'
import { followBirth } from './birth.ts'
import { type Bundle, readBundle } from './bundle.ts'
import { type Console, handConsole, openConsole } from './console.ts'
import { holdPlace } from './hold.ts'
import { type Namespaces, openNamespaces } from './namespaces.ts'
import { resourceSettings } from './resources.ts'
import {
  type Container,
  makePlace,
  OWN_GROUPS,
  type Place,
  removeGroup,
  removePlace,
  writeContainer,
} from './store.ts'

export interface CreateOptions {
  readonly root: string
  readonly id: string
  /** Directory with the config.json. */
  readonly bundle: string
  readonly pidFile?: string
  readonly consoleSocket?: string
  /** Descriptors from 3 on that the program is given. */
  readonly preserveFds?: number
  /** Its group is a scope of systemd's. */
  readonly systemdCgroup?: boolean
}

/** The container, and the terminal that nobody else holds yet. On failure all is as it was. */
export async function createContainer(options: CreateOptions): Promise<Container> {
  const bundle = await readBundle(options.bundle)
  refuseTerminal(bundle, options)
  const place = makePlace(options.root, options.id)
  using held = await holdPlace(place)
  if (held === undefined) {
    throw new UsageError(`Cannot create container "${options.id}": it was deleted meanwhile`)
  }
  const undo = new Undo()
  undo.push(() => removePlace(place))
  const temporary = new Undo()
  try {
    const container = await create(bundle, { options, place, undo, temporary })
    if (options.pidFile !== undefined) writePidFile(options.pidFile, container.pid ?? 0)
    return container
  } catch (error) {
    await temporary.run()
    await undo.run()
    throw error
  } finally {
    await temporary.run()
  }
}

function refuseTerminal({ spec }: Bundle, { consoleSocket }: CreateOptions): void {
  const hasTerminal = spec.process?.terminal === true
  if (hasTerminal === (consoleSocket !== undefined)) return
  throw new UsageError(
    hasTerminal
      ? 'Cannot create a container with a terminal: give --console-socket, where it is handed to'
      : 'Cannot hand a terminal to --console-socket: process.terminal of the config is not true',
  )
}

interface Creation {
  readonly options: CreateOptions
  readonly place: Place
  /** Takes back what has been made. */
  readonly undo: Undo
  /** Descriptors that nobody needs afterwards. */
  readonly temporary: Undo
}

async function create(bundle: Bundle, creation: Creation): Promise<Container> {
  const { options, place, temporary, undo } = creation
  const { spec } = bundle
  const namespaces = openNamespaces(spec.linux ?? {}, temporary)
  const home = await homeOfGroup(spec.linux?.cgroupsPath, creation)
  const { path } = home
  const group = detectCgroups().create(path, resourceSettings(spec))
  undo.push(() => removeGroup(group))
  undo.push(() => group.killAll())
  const console = openConsole(spec, temporary)
  const fifos = openFifos(place, temporary)
  const assembly = assemble(bundle, { ...creation, namespaces, group, console, fifos })
  const container: Container = {
    id: options.id,
    bundle: bundle.directory,
    rootfs: bundle.root,
    created: new Date().toISOString(),
    ...(spec.annotations === undefined ? {} : { annotations: spec.annotations }),
    ...(spec.hooks === undefined ? {} : { hooks: spec.hooks }),
    cgroup: path,
    ...(home.unit === undefined ? {} : { unit: home.unit }),
    namespaces: namespaces.all,
    notes: assembly.program.notes.calls,
    hasProcess: spec.process !== undefined,
    isCreating: true,
  }
  writeContainer(place, container)
  const birth = followBirth(place, { container, spec, namespaces, go: fifos.go })
  const stage = spawn(assembly.program, {
    title: `tsstack-oci: ${options.id}`,
    descriptors: assembly.descriptors,
    fallbackDirectory: place.directory,
  })
  waitForExit(stage)
  closeSync(fifos.report)
  const { isCreating: _, ...created } = await birth
  if (console && options.consoleSocket !== undefined) handConsole(options.consoleSocket, console)
  writeContainer(place, created)
  return created
}

interface Fifos {
  /** Closed once the child has it: its end is that of the last copy. */
  readonly report: number
  readonly go: number
}

function openFifos(place: Place, temporary: Undo): Fifos {
  makeFifo(place.report)
  makeFifo(place.go)
  const report = openSync(place.report, constants.O_RDWR | constants.O_NONBLOCK)
  // Blocking, for the child sleeps in read(2).
  const go = openSync(place.go, constants.O_RDWR)
  temporary.push(() => closeSync(go))
  return { report, go }
}

function assemble(
  bundle: Bundle,
  creation: Creation & {
    readonly namespaces: Namespaces
    readonly group: Cgroup
    readonly console: Console | undefined
    readonly fifos: Fifos
  },
): { readonly program: Program; readonly descriptors: Readonly<Record<number, number>> } {
  const { group, temporary, options, place } = creation
  const join = group.join()
  temporary.push(() => closeCgroupJoin(join))
  return assembleBundle(bundle, {
    ...creation,
    id: options.id,
    mountPoint: place.mountPoint,
    preserved: options.preserveFds ?? 0,
    join,
    cgroups: group.places(),
    undo: temporary,
  })
}

/** Where the group is, and the unit of systemd's that it is made for. */
async function homeOfGroup(
  path: string | undefined,
  { options: { id, systemdCgroup }, temporary, undo }: Creation,
): Promise<{ readonly path: string; readonly unit?: string }> {
  if (systemdCgroup !== true) return { path: groupPath(path, id) }
  const { refuseWithoutSystemd, scopeName, startScope, stopScope } =
    await import('./systemd-scope.ts')
  refuseWithoutSystemd()
  const name = scopeName(path, id)
  const { group, release } = await startScope(name, id)
  undo.push(() => stopScope(name.unit))
  temporary.push(release)
  return { path: group, unit: name.unit }
}

/** Below the mount points: an absolute path is theirs, and we have but one place for others. */
function groupPath(path: string | undefined, id: string): string {
  const parts = (path ?? '').split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) {
    throw new UsageError(`Cannot use "${path}" as linux.cgroupsPath: ".." leads out of the groups`)
  }
  return parts.length === 0 ? `${OWN_GROUPS}/${id}` : parts.join('/')
}

/** Complete from the moment it is there. */
export function writePidFile(path: string, pid: number): void {
  writeFileSync(`${path}.new`, String(pid))
  renameSync(`${path}.new`, path)
}
