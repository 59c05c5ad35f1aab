/** Processes that belong to a test, and what they hold: mounts, namespaces, descriptors. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'

/** Whatever a test says later. */
const TEMPORARY = tmpdir()

/** Where others of the machine mount in their own time: service managers, sessions, engines. */
const OTHERS = / \/(?:run\/(?:credentials|docker|snapd|user)|var\/lib\/docker)\//

export interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  /** Clock ticks since boot, /proc/PID/stat field 22: a pid alone may be used again. */
  readonly start: string
  readonly state: string
  readonly command: string
  /** `net:[4026532211]` of every kind, as far as they are still there; read when asked for. */
  readonly namespaces: readonly string[]
}

export interface Ownership {
  readonly marks: readonly string[]
  /** Paths of network namespaces: whoever lives in one of them is ours. */
  readonly namespaces: readonly string[]
}

const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts']

/** Processes that descend from this one, live in one of the namespaces or carry a mark. */
export function ownedProcesses(ownership: Ownership): readonly ProcessEntry[] {
  const all = userProcesses()
  const marked = new Set(markedAmong(all, ownership).map((entry) => entry.pid))
  const parents = new Map(all.map((entry) => [entry.pid, entry.parent]))
  return all.filter(
    (entry) =>
      entry.pid !== process.pid &&
      (marked.has(entry.pid) || descendsFrom(process.pid, entry.pid, parents)),
  )
}

/** Processes that live in one of the namespaces or carry a mark, but this one and its ancestors. */
export const markedProcesses = (ownership: Ownership): readonly ProcessEntry[] =>
  markedAmong(userProcesses(), ownership)

function markedAmong(all: readonly ProcessEntry[], ownership: Ownership): readonly ProcessEntry[] {
  const inhabited = new Set(ownership.namespaces.map((path) => readLink(path)).filter(Boolean))
  const parents = new Map(all.map((entry) => [entry.pid, entry.parent]))
  return all.filter(
    (entry) =>
      !descendsFrom(entry.pid, process.pid, parents) &&
      ((inhabited.size > 0 && entry.namespaces.some((link) => inhabited.has(link))) ||
        carriesMark(entry.pid, ownership.marks)),
  )
}

/** Mounts of this process and of `processes`, once per mount namespace. */
export function mountsOf(
  processes: readonly ProcessEntry[],
  marks: readonly string[],
): ReadonlySet<string> {
  const lines = new Set<string>()
  const seen = new Set<string>()
  for (const pid of [process.pid, 1, ...processes.map((entry) => entry.pid)]) {
    const namespace = readLink(`/proc/${pid}/ns/mnt`)
    if (namespace === '' || seen.has(namespace)) continue
    seen.add(namespace)
    const shared = seen.size === 1 || pid === 1
    for (const line of readText(`/proc/${pid}/mountinfo`).split('\n')) {
      const [id, , , root, target, ...rest] = line.split(' ')
      if (target === undefined) continue
      if (counts(line, { marks, shared })) {
        const type = rest[rest.indexOf('-') + 1] ?? ''
        lines.add(`${namespace} ${id ?? ''} ${type} ${root ?? ''} on ${target}`)
      }
    }
  }
  return lines
}

/**
 * In the host's own namespace every mount counts, but those that somebody beside us has made in a
 * directory for passing things or in one of his own; elsewhere those that show what is ours.
 */
function counts(
  line: string,
  { marks, shared }: { readonly marks: readonly string[]; readonly shared: boolean },
): boolean {
  const isElsewhere = !line.includes(` ${TEMPORARY}/`) && !OTHERS.test(line)
  return marks.some((mark) => line.includes(mark)) || (shared && isElsewhere)
}

/**
 * Descriptors of this process that hold a kernel object: namespaces, pidfds, memfds, files of ours.
 */
export function ownDescriptors(marks: readonly string[]): ReadonlySet<string> {
  const links = readdirSync('/proc/self/fd').map((fd) => `${fd} ${readLink(`/proc/self/fd/${fd}`)}`)
  return new Set(
    links.filter(
      (link) =>
        /(?:\w+:\[\d+\]|anon_inode:\[(?:pidfd|fscontext|mount)\]|memfd:)/.test(
          link.replaceAll(/(?:socket|pipe):\[\d+\]/g, ''),
        ) || marks.some((mark) => mark.startsWith('/') && link.includes(mark)),
    ),
  )
}

const userProcesses = (): readonly ProcessEntry[] =>
  readNames('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)))
    .filter((entry) => entry.pid !== 2 && entry.parent !== 2) // Kernel threads.

function readProcess(pid: number): readonly ProcessEntry[] {
  const stat = readText(`/proc/${pid}/stat`)
  if (stat === '') return []
  // The name is in parentheses and may hold spaces and parentheses: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (isLeftToInit(fields)) return []
  const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
  const command = readText(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()
  return [
    {
      pid,
      parent: Number(fields[1]),
      start: fields[19] ?? '',
      state: fields[0] ?? '?',
      command: (command === '' ? `[${name}]` : command).slice(0, 200),
      get namespaces() {
        return NAMESPACES.map((kind) => readLink(`/proc/${pid}/ns/${kind}`)).filter(Boolean)
      },
    },
  ]
}

/**
 * A process that has ended with all its threads, and whose parent is the machine's pid 1: nothing
 * is left of it but a number, for as long as that one takes to ask for it, which on some machines
 * is seconds. A zombie with any other parent is somebody's mistake, and counts. proc_pid_stat(5):
 * the first field here is state, then the parent; num_threads is the 18th.
 */
const isLeftToInit = (fields: readonly string[]): boolean =>
  fields[0] === 'Z' && fields[1] === '1' && Number(fields[17]) <= 1

function descendsFrom(
  ancestor: number,
  pid: number,
  parents: ReadonlyMap<number, number>,
): boolean {
  let current: number | undefined = pid
  for (let depth = 0; current !== undefined && current > 0 && depth < 1000; depth += 1) {
    if (current === ancestor) return true
    current = parents.get(current)
  }
  return false
}

/** Looks into command line, cgroup, cwd, root, program, open files, mounts: whatever names us. */
function carriesMark(pid: number, marks: readonly string[]): boolean {
  const base = `/proc/${pid}`
  const texts = [
    readText(`${base}/cgroup`),
    readLink(`${base}/cwd`),
    readLink(`${base}/exe`),
    readText(`${base}/cmdline`),
    ...readNames(`${base}/fd`).map((fd) => readLink(`${base}/fd/${fd}`)),
    ...(readLink(`${base}/ns/mnt`) === readLink('/proc/self/ns/mnt')
      ? []
      : [readText(`${base}/mountinfo`)]),
  ]
  return marks.some((mark) => texts.some((text) => text.includes(mark)))
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // The process ended while we looked, or never had such a file.
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function readNames(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
