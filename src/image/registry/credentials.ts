/** Who we are to a registry: Docker's config.json and its credential helpers. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { EngineError, errorText } from '../../errors.ts'
import { field, type Json, parseJson } from '../json.ts'
import { writeFileByRename } from '../store/files.ts'

export type Env = Readonly<Record<string, string | undefined>>

export interface Credentials {
  readonly user: string
  readonly secret: string
  /** The secret is a token to be exchanged for others, not a password. */
  readonly isToken: boolean
}

/** Docker's name for its own registry in config.json. */
const HUB_KEY = 'https://index.docker.io/v1/'

/** Undefined when nothing is known of the registry. Throws REGISTRY for a helper that fails. */
export async function findCredentials(
  registry: string,
  env: Env,
): Promise<Credentials | undefined> {
  const config = readConfig(env)
  const key = keyOf(registry)
  const helper = helperFor(config, registry)
  if (helper !== undefined) return askHelper(helper, key, env)
  for (const object of [config, readPodmanConfig(env)]) {
    const auths = (field(object, 'auths') ?? {}) as Json
    const name = Object.keys(auths).find((each) => isSame(each, registry))
    const entry = name === undefined ? undefined : (field(auths, name) as Json | undefined)
    const found = entry && fromEntry(entry)
    if (found) return found
  }
  return undefined
}

/** @throws {EngineError} REGISTRY */
export async function storeCredentials(
  registry: string,
  { user, secret }: { readonly user: string; readonly secret: string },
  env: Env,
): Promise<{ readonly where: string }> {
  const config = readConfig(env)
  const helper = helperFor(config, registry)
  const key = keyOf(registry)
  if (helper !== undefined) {
    const input = JSON.stringify({ ServerURL: key, Username: user, Secret: secret })
    await runHelper(helper, { verb: 'store', input, env })
    return { where: `docker-credential-${helper}` }
  }
  const auths = (field(config, 'auths') ?? {}) as Json
  const auth = Buffer.from(`${user}:${secret}`).toString('base64')
  writeConfig(env, { ...config, auths: { ...auths, [key]: { auth } } })
  return { where: configPath(env) }
}

/** False when there were none. */
export async function eraseCredentials(registry: string, env: Env): Promise<boolean> {
  const config = readConfig(env)
  const helper = helperFor(config, registry)
  if (helper !== undefined) {
    const known = await askHelper(helper, keyOf(registry), env)
    if (known === undefined) return false
    await runHelper(helper, { verb: 'erase', input: keyOf(registry), env })
    return true
  }
  const auths = (field(config, 'auths') ?? {}) as Json
  const kept = Object.entries(auths).filter(([name]) => !isSame(name, registry))
  if (kept.length === Object.keys(auths).length) return false
  writeConfig(env, { ...config, auths: Object.fromEntries(kept) })
  return true
}

function keyOf(registry: string): string {
  return registry === 'docker.io' ? HUB_KEY : registry
}

/** Old files have whole addresses as keys. */
function isSame(key: string, registry: string): boolean {
  const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  const isHub = /^(?:index\.|registry-1\.)?docker\.io$/
  return host === registry || (isHub.test(host) && isHub.test(registry))
}

function fromEntry(entry: Json): Credentials | undefined {
  const token = field(entry, 'identitytoken')
  const auth = field(entry, 'auth')
  const plain = typeof auth === 'string' ? Buffer.from(auth, 'base64').toString() : ''
  const colon = plain.indexOf(':')
  const user = colon === -1 ? '' : plain.slice(0, colon)
  if (typeof token === 'string' && token !== '') return { user, secret: token, isToken: true }
  if (colon === -1) return undefined
  return { user, secret: plain.slice(colon + 1).replace(/\0+$/, ''), isToken: false }
}

function helperFor(config: Json, registry: string): string | undefined {
  const helpers = (field(config, 'credHelpers') ?? {}) as Json
  const name = Object.keys(helpers).find((each) => isSame(each, registry))
  const helper = name === undefined ? field(config, 'credsStore') : field(helpers, name)
  if (typeof helper !== 'string' || helper === '') return undefined
  if (/^[\w.-]+$/.test(helper)) return helper
  throw new EngineError('REGISTRY', `Cannot use credential helper "${helper}": that is no name`)
}

async function askHelper(helper: string, key: string, env: Env): Promise<Credentials | undefined> {
  const output = await runHelper(helper, { verb: 'get', input: key, env })
  if (output === undefined) return undefined
  const answer = parseJson(output, `answer of docker-credential-${helper}`)
  const [user, secret] = [field(answer, 'Username'), field(answer, 'Secret')]
  if (typeof user !== 'string' || typeof secret !== 'string') return undefined
  return { user: user === '<token>' ? '' : user, secret, isToken: user === '<token>' }
}

/** Its standard output; undefined when it knows of nothing. @see docker-credential-helpers */
async function runHelper(
  helper: string,
  call: { readonly verb: string; readonly input: string; readonly env: Env },
): Promise<string | undefined> {
  const program = `docker-credential-${helper}`
  const child = spawn(program, [call.verb], {
    env: call.env,
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 30_000,
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(call.input)
  try {
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
    if (code === 0) return output
    if (/credentials not found/i.test(output)) return undefined
    throw new Error(output.trim().slice(0, 500) || `it ended with ${code}`)
  } catch (cause) {
    const why = errorText(cause)
    throw new EngineError('REGISTRY', `Cannot ask ${program} for credentials: ${why}`, {
      hint: 'install it, or take "credsStore" and "credHelpers" out of config.json',
      cause,
    })
  }
}

function configPath(env: Env): string {
  return join(env['DOCKER_CONFIG'] ?? join(env['HOME'] ?? '/root', '.docker'), 'config.json')
}

function readConfig(env: Env): Json {
  return readIfJson(configPath(env))
}

/** Where podman and skopeo keep theirs. */
function readPodmanConfig(env: Env): Json {
  const runtime = env['XDG_RUNTIME_DIR']
  const path = env['REGISTRY_AUTH_FILE'] ?? (runtime && join(runtime, 'containers/auth.json'))
  return path === undefined || path === '' ? {} : readIfJson(path)
}

function readIfJson(path: string): Json {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch {
    // Absent, or not ours to read: as with Docker, nobody has logged in then.
    return {}
  }
  return content.trim() === '' ? {} : parseJson(content, `file "${path}"`)
}

function writeConfig(env: Env, config: object): void {
  const path = configPath(env)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileByRename(path, `${JSON.stringify(config, undefined, '\t')}\n`)
}
