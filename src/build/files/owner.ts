/** `--chown` and USER as numbers, by the passwd and group of the image. */

import { isErrno } from '../../errors.ts'
import { PASSWD_BYTES_MAX } from '../../limits.ts'
import { type Fd, readIn } from '../../linux/index.ts'
import { Problem } from '../dockerfile/problem.ts'
import type { Span } from '../dockerfile/problem.ts'

export interface Ids {
  readonly uid: number
  readonly gid: number
}

export const ROOT: Ids = { uid: 0, gid: 0 }

/** Linux has more ids, but signs go wrong above this. */
const ID_MAX = 2_147_483_647

/**
 * `name`, `uid`, `name:group`, `uid:gid`. A name's own group counts where none is given; a bare uid
 * is its own gid. @see Dockerfile reference, "COPY --chown". @throws {Problem}
 */
export function resolveOwner(rootFd: Fd, text: string, span: Span): Ids {
  const [user = '', group = '', ...more] = text.split(':')
  if (user === '' || more.length > 0) throw refused(text, span, 'it is not USER or USER:GROUP')
  const entry = lineOf(rootFd, 'passwd', user)
  const uid = idOf(entry?.[2] ?? user)
  if (uid === undefined) throw refused(text, span, `the image has no user "${user}"`)
  if (group === '') return { uid, gid: idOf(entry?.[3]) ?? uid }
  const gid = groupId(rootFd, group)
  if (gid === undefined) throw refused(text, span, `the image has no group "${group}"`)
  return { uid, gid }
}

function groupId(rootFd: Fd, group: string): number | undefined {
  return idOf(lineOf(rootFd, 'group', group)?.[2] ?? group)
}

function idOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined
  const id = Number(text)
  return id <= ID_MAX ? id : undefined
}

/** Digits are never a name. */
function lineOf(rootFd: Fd, file: string, name: string): readonly string[] | undefined {
  if (/^\d+$/.test(name)) return undefined
  const lines = readText(rootFd, `etc/${file}`).split('\n')
  return lines.map((line) => line.split(':')).find(([first]) => first === name)
}

function readText(rootFd: Fd, path: string): string {
  try {
    return readIn(rootFd, path, PASSWD_BYTES_MAX).toString('utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return ''
    throw error
  }
}

function refused(text: string, span: Span, why: string): Problem {
  return new Problem(`Cannot give files to "${text}": ${why}`, {
    span,
    hint: 'use a name that the image knows, or numbers: 1000:1000',
  })
}
