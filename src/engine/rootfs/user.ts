/** Turns `user:` into numbers, by the container's own /etc/passwd and /etc/group. */

import { EngineError, errorText, isErrno, KernelError } from '../../errors.ts'
import { PASSWD_BYTES_MAX } from '../../limits.ts'
import { type Fd, readIn } from '../../linux/index.ts'

export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  /** Supplementary groups, `gid` among them, sorted, without duplicates. */
  readonly groups: readonly number[]
  readonly home: string
}

/**
 * `user`: `name`, `uid`, `name:group`, `uid:gid` …; absent or empty: root. Docker's rules: a number
 * need not be listed, a name must; without a group the user's own and all that list the user apply.
 * @throws {EngineError} LAUNCH
 */
export function resolveUser(query: {
  readonly rootFd: Fd
  readonly user?: string | undefined
  readonly groupAdd?: readonly string[] | undefined
}): ResolvedUser {
  const { userText, groupText } = splitUser(query.user)
  const namesGroup = [groupText, ...(query.groupAdd ?? [])].some((text) => text && !isDigits(text))
  const isNamed = !isDigits(userText)
  const passwd = parseLines(read(query.rootFd, 'etc/passwd', isNamed))
  const groups = parseLines(read(query.rootFd, 'etc/group', isNamed || namesGroup))
  return resolveUserIn({ passwd, groups }, query)
}

/** The pure part: `passwd` and `groups` are lines split at colons. */
export function resolveUserIn(
  files: { readonly passwd: readonly Line[]; readonly groups: readonly Line[] },
  query: { readonly user?: string | undefined; readonly groupAdd?: readonly string[] | undefined },
): ResolvedUser {
  const { text, userText, groupText } = splitUser(query.user)
  const found = findEntry(files.passwd, userText)
  // A number is what it is, whatever an image lists beside it.
  const isNumber = isDigits(userText)
  const entry = isNumber && found && !(isId(found[2]) && isId(found[3])) ? undefined : found
  const listing = isNumber ? files.groups.filter((group) => isId(group[2])) : files.groups
  const own = entry ? idsOf(entry, text) : { uid: parseId(userText, text, 'user'), gid: 0 }
  const gid = groupText === undefined ? own.gid : resolveGroup(files.groups, groupText, text)
  const groups = [
    // Else a setgid program could put off a group that a file's mode shuts out (CVE-2022-36109).
    gid,
    ...(groupText === undefined ? listedGroups(listing, entry, text) : []),
    ...(query.groupAdd ?? []).map((group) => resolveGroup(files.groups, group, group)),
  ]
  return {
    uid: own.uid,
    gid,
    groups: [...new Set(groups)].sort((a, b) => a - b),
    home: homeOf(entry),
  }
}

/** `user:` in its parts; an empty group is none. */
function splitUser(user: string | undefined) {
  const text = user === undefined || user === '' ? '0' : user
  const [userText = '', groupText = '', ...more] = text.split(':')
  if (more.length > 0) throw refused(text, 'it has more than one ":"')
  return { text, userText, groupText: groupText === '' ? undefined : groupText }
}

function idsOf(entry: Line, whole: string) {
  return { uid: numberIn(entry, 2, whole), gid: numberIn(entry, 3, whole) }
}

function homeOf(entry: Line | undefined): string {
  const home = entry?.[5] ?? ''
  // A variable cannot hold NUL; an image's file can.
  return home === '' || home.includes('\0') ? '/' : home
}

/** Groups whose line names the user. */
function listedGroups(
  groups: readonly Line[],
  entry: Line | undefined,
  whole: string,
): readonly number[] {
  const name = entry?.[0]
  if (name === undefined) return []
  return groups
    .filter((group) => (group[3] ?? '').split(',').includes(name))
    .map((group) => numberIn(group, 2, whole))
}

/** Fields of one line of passwd(5) or group(5). */
export type Line = readonly string[]

export function parseLines(text: string): readonly Line[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'))
}

/** Linux has more ids, but 2^32 - 1 means "none" in some calls and signs go wrong above this. */
const ID_MAX = 2_147_483_647

function findEntry(lines: readonly Line[], text: string): Line | undefined {
  // Digits are never a name: an image could call its root "1000". @see moby/sys user, GetExecUser
  if (isDigits(text)) return lines.find((line) => sameId(line[2], text))
  return lines.find(([name]) => name === text && name !== '')
}

function sameId(listed: string | undefined, text: string): boolean {
  return listed !== undefined && isDigits(listed) && Number(listed) === Number(text)
}

function resolveGroup(groups: readonly Line[], text: string, whole: string): number {
  const entry = findEntry(groups, text)
  return entry ? numberIn(entry, 2, whole) : parseId(text, whole, 'group')
}

function parseId(text: string, whole: string, what: 'user' | 'group'): number {
  if (/^\d/.test(text) || /^[-+\s]/.test(text)) {
    if (isDigits(text) && Number(text) <= ID_MAX) return Number(text)
    throw refused(whole, `"${text}" is not a number from 0 to ${ID_MAX}`)
  }
  throw refused(
    whole,
    `no ${what} "${text}" in the image's /etc/${what === 'user' ? 'passwd' : 'group'}`,
  )
}

function isId(text = ''): boolean {
  return isDigits(text) && Number(text) <= ID_MAX
}

function numberIn(line: Line, field: number, whole: string): number {
  const text = line[field] ?? ''
  if (isId(text)) return Number(text)
  throw refused(whole, `the image lists "${line[0]}" with the id "${text}"`)
}

function isDigits(text: string): boolean {
  return /^\d+$/.test(text)
}

function refused(user: string, why: string): EngineError {
  return new EngineError('LAUNCH', `Cannot run as user "${user}": ${why}`, {
    hint: 'use a name that the image knows, or numbers: "1000:1000"',
  })
}

/**
 * '' for an image without the file. Anything but a regular file of reasonable size is refused where
 * a name is looked for, and none otherwise: a container must not shut out those who come to see
 * what is wrong in it.
 */
function read(rootFd: Fd, path: string, isNeeded: boolean): string {
  try {
    return readIn(rootFd, path, PASSWD_BYTES_MAX).toString('utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return ''
    if (!isNeeded && error instanceof KernelError) return ''
    const why = isErrno(error, 'EINVAL') ? 'it is not a regular file' : errorText(error)
    throw new EngineError('LAUNCH', `Cannot read "/${path}" of the image: ${why}`, {
      cause: error,
      hint: 'name the user and its groups by numbers: "1000:1000"',
    })
  }
}
