/** What a host needs for containers, what it has of it, and how to get the rest. */

import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { AppArmor, Places } from '../daemon/index.ts'
import { appArmorText } from './app-armor-text.ts'
import { readHostInfo, type HostInfo } from './host-info.ts'
import { memoryText } from './size-text.ts'

export interface Check {
  readonly name: string
  /** `missing`: stacks that need it fail. `weak`: they work, less well. */
  readonly state: 'ok' | 'weak' | 'missing'
  readonly seen: string
  /** What to do about it; absent when it is ok. */
  readonly cure?: string
}

/** Files of the host as text; '' for what is not there. */
type Read = (path: string) => string

/** What cannot be read from files. */
interface Tried {
  readonly appArmor: AppArmor
  /** Whether the kernel has taken our rules; undefined: it was not asked. */
  readonly firewall: boolean | undefined
}

export function checkHost(places: Places, { appArmor, firewall }: Tried): readonly Check[] {
  const kernel = kernelChecks(readHostInfo(), firewall)
  const checks = [...kernel, appArmorCheck(appArmor), ...limitChecks(readText)]
  return [...checks, disk(places), boot()]
}

/** A kernel without it is as good as its owner wants it; one that has it is to be used. */
function appArmorCheck(seen: AppArmor): Check {
  const cure = seen.kind === 'absent' ? seen.cure : undefined
  return weakly('apparmor', cure === undefined, { seen: appArmorText(seen), cure: cure ?? '' })
}

function kernelChecks(host: HostInfo, firewall: boolean | undefined): readonly Check[] {
  const [major = 0, minor = 0] = host.kernel.split('.').map(Number)
  return [
    check('root', process.geteuid?.() === 0, {
      seen: `uid ${process.geteuid?.()}`,
      cure: 'run it with sudo; only config, explain, graph, schema and audit work without root',
    }),
    check('kernel', major > 5 || (major === 5 && minor >= 12), {
      seen: host.kernel,
      cure: 'install Linux 5.12 or later: older ones lack mount_setattr(2)',
    }),
    check('cgroups', host.cgroup !== 'none', {
      seen: host.cgroup,
      cure: 'mount them: mount -t cgroup2 none /sys/fs/cgroup',
    }),
    ...controllers(host.cgroup, readText),
    check('overlay', host.overlay, {
      seen: host.overlay ? 'known' : 'the kernel does not know it, or has not loaded it',
      cure: 'load it: modprobe overlay',
    }),
    firewallCheck(host.nftables, firewall),
    weakly('seccomp', readText('/proc/sys/kernel/seccomp/actions_avail') !== '', {
      seen: existsSync('/proc/sys/kernel/seccomp') ? 'known' : 'not there',
      cure: 'use a kernel with CONFIG_SECCOMP_FILTER',
    }),
  ]
}

/** `present`: by the names of the kernel's modules. `taken`: whether it has taken our rules. */
export function firewallCheck(present: boolean, taken: boolean | undefined): Check {
  const isOk = taken ?? present
  const lack = present ? 'known, but not all that is needed' : 'not there'
  return weakly('nftables', isOk, {
    seen: isOk ? 'known' : `${lack}: ports are published by a proxy`,
    cure: present
      ? 'use a kernel with CONFIG_NF_TABLES_IPV4, NFT_CT, NFT_NAT, NFT_MASQ, NFT_NUMGEN and ' +
        'NFT_FIB_IPV4, and load what is a module of it'
      : 'load it: modprobe nf_tables',
  })
}

const WANTED = ['memory', 'cpu', 'pids', 'cpuset', 'devices', 'freezer'] as const

/** From cgroups(7): v2 has the last two built in. */
export function controllers(version: string, read: Read): readonly Check[] {
  if (version === 'none') return []
  const isUnified = version === 'v2'
  const present = isUnified
    ? read('/sys/fs/cgroup/cgroup.controllers').trim().split(' ')
    : enabledOf(read('/proc/cgroups'))
  const missing = WANTED.slice(0, isUnified ? 4 : undefined).filter(
    (each) => !present.includes(each),
  )
  return [
    weakly('controllers', missing.length === 0, {
      seen: missing.length === 0 ? present.join(', ') : `without ${missing.join(', ')}`,
      cure: missing.includes('memory')
        ? 'boot with cgroup_enable=memory: limits of memory are not kept without it'
        : `boot a kernel that has them: limits of ${missing.join(', ')} are not kept`,
    }),
  ]
}

/** Lines of /proc/cgroups: name, hierarchy, number of groups, enabled. */
function enabledOf(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(([, , , enabled]) => enabled === '1')
    .map(([name = '']) => name)
}

/** Bounds of the system that many containers meet. */
export function limitChecks(read: Read): readonly Check[] {
  const forwarding = read('/proc/sys/net/ipv4/ip_forward').trim()
  const instances = Number(read('/proc/sys/fs/inotify/max_user_instances'))
  const [, files = '0'] = /^Max open files\s+(\d+|unlimited)/m.exec(read('/proc/self/limits')) ?? []
  return [
    weakly('forwarding', forwarding === '1', {
      seen: forwarding === '1' ? 'on' : 'off until the first network is made',
      cure: 'nothing to do, unless something turns it off again: sysctl net.ipv4.ip_forward=1',
    }),
    weakly('open files', files === 'unlimited' || Number(files) >= FILES_MIN, {
      seen: files,
      cure: `raise it for a hundred containers and more: ulimit -n ${FILES_MIN}`,
    }),
    weakly('inotify', instances >= INSTANCES_MIN, {
      seen: `${instances} instances for each user`,
      cure: `followed logs and watched files take some: sysctl fs.inotify.max_user_instances=512`,
    }),
  ]
}

/** Some descriptors for each of a hundred containers. */
const FILES_MIN = 4096
const INSTANCES_MIN = 128

function disk({ state }: Places): Check {
  let directory = state
  while (!existsSync(directory)) directory = dirname(directory)
  const { bavail, bsize, files, ffree } = statfsSync(directory)
  const free = bavail * bsize
  const hasRoom = free >= FREE_BYTES_MIN && (files === 0 || ffree > FREE_FILES_MIN)
  return weakly('disk', hasRoom, {
    seen: `${memoryText(free)} free for "${state}"`,
    cure: 'make room (tsstack system df, tsstack image prune), or set TSSTACK_ROOT',
  })
}

const FREE_BYTES_MIN = 1024 ** 3
const FREE_FILES_MIN = 10_000

function boot(): Check {
  const hasSystemd = existsSync('/run/systemd/system')
  return weakly('boot', hasSystemd, {
    seen: hasSystemd ? 'systemd' : 'no systemd: stacks do not come up by themselves at boot',
    cure: 'have your init run this at boot: tsstack daemon',
  })
}

interface Finding {
  readonly seen: string
  readonly cure: string
}

function check(name: string, isOk: boolean, { seen, cure }: Finding): Check {
  return isOk ? { name, state: 'ok', seen } : { name, state: 'missing', seen, cure }
}

function weakly(name: string, isOk: boolean, { seen, cure }: Finding): Check {
  return isOk ? { name, state: 'ok', seen } : { name, state: 'weak', seen, cure }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
