/** The AppArmor profile that containers have where the kernel has AppArmor, as with Docker. */

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { EngineError } from '../../errors.ts'
import { inUserNamespace } from '../../linux/index.ts'
import type { ContainerSpec } from '../../planner/index.ts'
import { DEFAULT_PROFILE, profileText } from './app-armor-profile.ts'

export type AppArmor =
  /** Containers without a word about it are confined by this profile. */
  | { readonly kind: 'confines'; readonly profile: string }
  /** They are not. `cure` is absent where the kernel has no AppArmor. */
  | { readonly kind: 'absent'; readonly why: string; readonly cure?: string }

/** securityfs; @see Documentation/admin-guide/LSM/apparmor.rst, apparmor.d(5) */
const PROFILES = '/sys/kernel/security/apparmor/profiles'
const ENABLED = '/sys/module/apparmor/parameters/enabled'
const PARSERS = ['/usr/sbin/apparmor_parser', '/sbin/apparmor_parser', '/usr/bin/apparmor_parser']

/** What this host has of it. */
export function readAppArmor(): AppArmor {
  if (textOf(ENABLED).trim() !== 'Y') {
    return { kind: 'absent', why: 'the kernel has no AppArmor, or has it off' }
  }
  if (!existsSync(PROFILES)) {
    const cure = 'mount it: mount -t securityfs none /sys/kernel/security'
    return { kind: 'absent', why: 'securityfs is not mounted', cure }
  }
  if (inUserNamespace() || process.geteuid?.() !== 0) {
    return { kind: 'absent', why: 'only root loads profiles', cure: 'run tsstack as root' }
  }
  if (parser() === undefined && !isLoaded(DEFAULT_PROFILE)) {
    const cure = 'install it: apt-get install apparmor'
    return { kind: 'absent', why: 'apparmor_parser is missing, which loads profiles', cure }
  }
  return { kind: 'confines', profile: DEFAULT_PROFILE }
}

/**
 * What confines the container: the profile that it names, or the default one, loaded first where
 * that was not done since the boot. Undefined: nothing does.
 * @throws {EngineError} LAUNCH when it names one and nothing here could confine it.
 */
export function appArmorProfile(
  container: string,
  { apparmor, privileged }: Pick<ContainerSpec, 'apparmor' | 'privileged'>,
): string | undefined | Promise<string | undefined> {
  if (privileged || apparmor === 'unconfined') return undefined
  if (apparmor !== undefined) return knownProfile(apparmor, container)
  seen ??= readAppArmor()
  if (seen.kind === 'absent') return undefined
  loading ??= load(seen.profile)
  return loading
}

/** Asked once: the kernel's answer holds until the next boot, the rest as long as we live. */
let seen: AppArmor | undefined
let loading: Promise<string> | undefined

function knownProfile(profile: string, container: string): string {
  if (existsSync(PROFILES)) return profile
  throw new EngineError(
    'LAUNCH',
    `Cannot confine "${container}" by the AppArmor profile "${profile}": this host has no AppArmor`,
    { hint: 'leave "apparmor" out of "security_opt", or boot with security=apparmor' },
  )
}

async function load(profile: string): Promise<string> {
  if (isLoaded(profile)) return profile
  const why = await runParser(parser() ?? '', profileText(profile))
  if (why === undefined) return profile
  // The next start may find it mended.
  loading = undefined
  throw new EngineError('LAUNCH', `Cannot load the AppArmor profile "${profile}": ${why}`, {
    hint: 'do without it: security_opt: ["apparmor=unconfined"]',
  })
}

const PARSER_MS_MAX = 20_000

/** Replaces or adds, without the parser's cache. Resolves with what went wrong. */
function runParser(path: string, text: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const child = spawn(path, ['--skip-cache', '--replace'], {
    env: {},
    stdio: ['pipe', 'ignore', 'pipe'],
    timeout: PARSER_MS_MAX,
    killSignal: 'SIGKILL',
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(0, 1000)))
  child.stdin.on('error', () => {})
  child.stdin.end(text)
  child.on('error', (error) => resolve(error.message))
  child.on('close', (code, signal) =>
    resolve(code === 0 ? undefined : `${path} ended with ${code ?? signal}: ${said.trim()}`),
  )
  return promise
}

function parser(): string | undefined {
  return PARSERS.find((path) => existsSync(path))
}

/** One profile a line: `name (enforce)`. */
function isLoaded(profile: string): boolean {
  return textOf(PROFILES)
    .split('\n')
    .some((line) => line.startsWith(`${profile} (`))
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
