/** What a host has to offer to tsstack without root, and what of it is missing. */

import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { release, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'

export interface RootlessFact {
  readonly name: string
  /** `missing`: nothing runs without. `limited`: something does not work. */
  readonly state: 'ok' | 'limited' | 'missing'
  readonly detail: string
  /** Present unless ok. */
  readonly hint?: string
}

/** What is looked at, so that the judgement is a pure one. */
export interface RootlessView {
  /** `5.10`… */
  readonly kernel: string
  readonly user: { readonly name: string; readonly uid: number }
  /** Texts of files; '' for one that is not there. */
  readonly subuid: string
  readonly subgid: string
  readonly maxUserNamespaces: string
  /** Debian's and Ubuntu's switches. */
  readonly unprivilegedClone: string
  readonly appArmorRestricts: string
  readonly portStart: string
  /** Names that are on the PATH. */
  readonly programs: readonly string[]
  readonly hasTun: boolean
  /** Controllers that are ours to use. */
  readonly controllers: readonly string[]
}

/** In the order in which somebody would mend them. */
export function rootlessFacts(view: RootlessView): readonly RootlessFact[] {
  return [kernel(view), namespaces(view), ids(view), network(view), groups(view), ports(view)]
}

export function readRootlessView(): RootlessView {
  const { username: name, uid } = userInfo()
  return {
    kernel: release(),
    user: { name, uid },
    subuid: textOf('/etc/subuid'),
    subgid: textOf('/etc/subgid'),
    maxUserNamespaces: textOf('/proc/sys/user/max_user_namespaces'),
    unprivilegedClone: textOf('/proc/sys/kernel/unprivileged_userns_clone'),
    appArmorRestricts: textOf('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
    portStart: textOf('/proc/sys/net/ipv4/ip_unprivileged_port_start'),
    programs: ['newuidmap', 'newgidmap', 'pasta', 'slirp4netns'].filter(
      (program) => programPath(program) !== undefined,
    ),
    hasTun: mayWrite('/dev/net/tun'),
    controllers: ownControllers(),
  }
}

/** First line of subuid(5) for a user, by name or number. */
export function subIdsOf(
  text: string,
  { name, uid }: RootlessView['user'],
): { readonly first: number; readonly count: number } | undefined {
  for (const line of text.split('\n')) {
    const [who, first, count] = line.trim().split(':')
    if (who !== name && who !== String(uid)) continue
    if (Number(count) > 0) return { first: Number(first), count: Number(count) }
  }
  return undefined
}

/** Where a program is that a user's tsstack calls; undefined: nowhere. */
export function programPath(program: string): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/sbin']
  return directories
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => join(directory, program))
    .find((path) => existsSync(path))
}

function kernel({ kernel: text }: RootlessView): RootlessFact {
  const [major = 0, minor = 0] = text.split('.').map((part) => Number.parseInt(part, 10))
  if (major > 5 || (major === 5 && minor >= 13)) return ok('kernel', `Linux ${text}`)
  const hint = 'use Linux 5.13 or later, where an overlay may be mounted without root'
  return { name: 'kernel', state: 'missing', detail: `Linux ${text}`, hint }
}

function namespaces(view: RootlessView): RootlessFact {
  const { maxUserNamespaces, unprivilegedClone, appArmorRestricts } = view
  const name = 'user namespaces'
  const refuse = (detail: string, hint: string): RootlessFact => {
    return { name, state: 'missing', detail, hint: `as root: ${hint}` }
  }
  if (maxUserNamespaces.trim() === '0' || maxUserNamespaces === '') {
    return refuse('the kernel allows none', 'sysctl -w user.max_user_namespaces=15000')
  }
  if (unprivilegedClone.trim() === '0') {
    return refuse('they are for root alone', 'sysctl -w kernel.unprivileged_userns_clone=1')
  }
  if (appArmorRestricts.trim() === '1') {
    const hint = 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0'
    return refuse('AppArmor takes the rights in them away', hint)
  }
  return ok(name, 'allowed')
}

function ids({ user, subuid, subgid, programs }: RootlessView): RootlessFact {
  const name = 'users'
  const [users, groups] = [subIdsOf(subuid, user), subIdsOf(subgid, user)]
  const single = 'one alone: every process of a container is root in it'
  if (users === undefined || groups === undefined) {
    const range = '100000-165535'
    const words = `--add-subuids ${range} --add-subgids ${range} ${user.name}`
    const hint = `as root: usermod ${words}`
    return { name, state: 'limited', detail: single, hint }
  }
  if (!programs.includes('newuidmap') || !programs.includes('newgidmap')) {
    const hint = 'install newuidmap: apt-get install uidmap, or dnf install shadow-utils'
    return { name, state: 'limited', detail: single, hint }
  }
  return ok(name, `${Math.min(users.count, groups.count) + 1}, from ${users.first} on`)
}

function network({ programs, hasTun }: RootlessView): RootlessFact {
  const name = 'network'
  const program = ['pasta', 'slirp4netns'].find((each) => programs.includes(each))
  const detail = 'containers reach each other, but nothing outside'
  if (program === undefined) {
    const hint = 'install pasta: apt-get install passt, or dnf install passt'
    return { name, state: 'limited', detail, hint }
  }
  if (hasTun) return ok(name, `to the outside by ${program}`)
  return { name, state: 'limited', detail, hint: 'as root: chmod 666 /dev/net/tun' }
}

const WANTED = ['cpu', 'memory', 'pids']

function groups({ controllers }: RootlessView): RootlessFact {
  const name = 'limits'
  const lacking = WANTED.filter((each) => !controllers.includes(each))
  if (lacking.length === 0) return ok(name, controllers.join(', '))
  return {
    name,
    state: 'limited',
    detail: `none of ${lacking.join(', ')}: a stack that asks for one is refused`,
    hint:
      'with cgroup v2 and systemd: systemd-run --user --scope -p Delegate=yes tsstack …; ' +
      'with cgroup v1 only root has limits',
  }
}

function ports({ portStart }: RootlessView): RootlessFact {
  const first = Number(portStart.trim() || '1024')
  const detail = `published from ${first} on`
  if (first <= 80) return ok('ports', detail)
  const hint = 'for lower ones, as root: sysctl -w net.ipv4.ip_unprivileged_port_start=80'
  return { name: 'ports', state: 'limited', detail, hint }
}

function ok(name: string, detail: string): RootlessFact {
  return { name, state: 'ok', detail }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Not every kernel has every switch.
    return ''
  }
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Of our own group on cgroup v2, when its files are ours. */
function ownControllers(): readonly string[] {
  const path = /^0::(.*)$/m.exec(textOf('/proc/self/cgroup'))?.[1]
  const directory = join('/sys/fs/cgroup', path ?? '')
  if (path === undefined || !mayWrite(join(directory, 'cgroup.subtree_control'))) return []
  return textOf(join(directory, 'cgroup.controllers')).trim().split(' ').filter(Boolean)
}
