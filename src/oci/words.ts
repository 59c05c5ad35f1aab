/** What the command line of `exec` and `update` says, in the words of the specification. */

import { InvalidArgumentError } from 'commander'
import type { ExecOptions } from './exec.ts'
import type { SpecResources } from './spec.ts'

export interface ExecWords {
  readonly process?: string
  readonly cwd?: string
  readonly env: readonly string[]
  readonly tty?: boolean
  readonly user?: { readonly uid: number; readonly gid?: number }
  readonly additionalGids: readonly number[]
  readonly cap: readonly string[]
  readonly detach?: boolean
  readonly ignorePaused?: boolean
  readonly pidFile?: string
  readonly consoleSocket?: string
  readonly preserveFds?: number
  readonly noNewPrivs?: boolean
  readonly apparmor?: string
}

export function execOptions(args: readonly string[], words: ExecWords): ExecOptions {
  const { process, pidFile, consoleSocket, preserveFds, cwd, user } = words
  return {
    ...(process === undefined ? {} : { process }),
    change: {
      args,
      env: words.env,
      additionalGids: words.additionalGids,
      capabilities: words.cap,
      terminal: words.tty === true,
      ...(cwd === undefined ? {} : { cwd }),
      ...(user === undefined ? {} : { user }),
      ...(words.noNewPrivs === true ? { noNewPrivileges: true } : {}),
      ...(words.apparmor === undefined ? {} : { apparmor: words.apparmor }),
    },
    detach: words.detach === true,
    ignorePaused: words.ignorePaused === true,
    ...(pidFile === undefined ? {} : { pidFile }),
    ...(consoleSocket === undefined || consoleSocket === '' ? {} : { consoleSocket }),
    ...(preserveFds === undefined ? {} : { preserveFds }),
  }
}

export function collect(text: string, before: readonly string[]): readonly string[] {
  return [...before, text]
}

export function collectNumber(text: string, before: readonly number[]): readonly number[] {
  return [...before, idOf(text)]
}

/** `UID` or `UID:GID`: names are for who knows the image. */
export function userOf(text: string): { readonly uid: number; readonly gid?: number } {
  const [uid = '', gid, ...rest] = text.split(':')
  if (rest.length > 0) throw new InvalidArgumentError('UID or UID:GID is needed')
  return { uid: idOf(uid), ...(gid === undefined ? {} : { gid: idOf(gid) }) }
}

function idOf(text: string): number {
  const id = Number(text)
  if (/^\d{1,10}$/.test(text) && id <= 0x7fff_ffff) return id
  throw new InvalidArgumentError('a number from 0 to 2147483647 is needed')
}

/** Options of `update`, and where their numbers belong. */
export const LIMITS = [
  ['memory', 'memory', 'limit'],
  ['memory-reservation', 'memory', 'reservation'],
  ['memory-swap', 'memory', 'swap'],
  ['cpu-period', 'cpu', 'period'],
  ['cpu-quota', 'cpu', 'quota'],
  ['cpu-burst', 'cpu', 'burst'],
  ['cpu-share', 'cpu', 'shares'],
  ['cpu-idle', 'cpu', 'idle'],
  ['pids-limit', 'pids', 'limit'],
  ['blkio-weight', 'blockIO', 'weight'],
] as const

export const CPUSETS = [
  ['cpuset-cpus', 'cpus'],
  ['cpuset-mems', 'mems'],
] as const

/** What commander makes of the options above. */
export function resourcesOf(words: Readonly<Record<string, unknown>>): SpecResources {
  const all: Record<string, Record<string, unknown>> = {}
  const put = (name: string, group: string, key: string): void => {
    const value = words[name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())]
    if (value !== undefined) all[group] = { ...all[group], [key]: value }
  }
  for (const [name, group, key] of LIMITS) put(name, group, key)
  for (const [name, key] of CPUSETS) put(name, 'cpu', key)
  return all
}

/** Bytes, or with k, m or g; -1 is no limit. */
export function amountOf(text: string): number {
  const [, number = '', unit = ''] = /^(-1|\d+)([kmg]?)b?$/i.exec(text) ?? []
  if (number === '') throw new InvalidArgumentError('a number is needed, or one with k, m or g')
  return Number(number) * 1024 ** ' kmg'.indexOf(unit.toLowerCase() || ' ')
}

/** `5s`, `1m`, or seconds alone. */
export function secondsOf(text: string): number {
  const [, number = '', unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? []
  const seconds = Number(number) * { ms: 0.001, s: 1, m: 60 }[unit as 'ms' | 's' | 'm']
  if (number !== '' && seconds > 0) return seconds
  throw new InvalidArgumentError('a time above 0 is needed, as 5s')
}
