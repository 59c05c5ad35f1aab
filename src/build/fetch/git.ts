/** Checks out git repositories with the program `git`, which is given nothing of the user's. */

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../../errors.ts'
import type { GitAddress } from './address.ts'
import type { Fetching } from './download.ts'

export interface GitOptions extends Fetching {
  /** Keep `.git` beside the files. */
  readonly keepsGit: boolean
  /** Socket of the agent that knows the keys. */
  readonly sshAgent?: string | undefined
}

export interface Checkout {
  readonly directory: string
  readonly commit: string
}

const COMMIT = /^[0-9a-f]{40}$/u

/** Each commit is fetched once. @throws {EngineError} BUILD */
export async function checkOut(address: GitAddress, options: GitOptions): Promise<Checkout> {
  const git = new Git(address, options)
  const commit = await git.resolve()
  const key = JSON.stringify([address.url, commit, options.keepsGit])
  const all = join(options.cacheDirectory, 'git')
  const directory = join(all, createHash('sha256').update(key).digest('hex'))
  if (existsSync(directory)) return { directory, commit }
  mkdirSync(all, { recursive: true, mode: 0o700 })
  const draft = mkdtempSync(join(all, 'draft-'))
  try {
    await git.fill(draft, commit)
    renameSync(draft, directory)
  } catch (error) {
    // Whoever was first has made the same.
    if (!existsSync(directory)) throw error
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  return { directory, commit }
}

/** Settings of a repository that we did not make must run nothing. */
const SAFE = [
  '-c', 'core.hooksPath=/dev/null', '-c', 'core.fsmonitor=false',
  '-c', 'http.lowSpeedLimit=100', '-c', 'http.lowSpeedTime=60', '-c', 'advice.detachedHead=false',
] // oxfmt-ignore

/** Submodules never come from this machine's files, whatever the repository says. */
const REMOTE = ['http', 'https', 'git', 'ssh']

class Git {
  readonly #address: GitAddress
  readonly #options: GitOptions

  constructor(address: GitAddress, options: GitOptions) {
    this.#address = address
    this.#options = options
  }

  /** The commit that is meant now. */
  async resolve(): Promise<string> {
    const { url, ref = 'HEAD' } = this.#address
    if (COMMIT.test(ref)) return ref
    const lines = (await this.#run(['ls-remote', '--', url], '/')).split('\n')
    const all = new Map(lines.map((line) => line.split('\t').toReversed() as [string, string]))
    const wanted = [`refs/heads/${ref}`, `refs/tags/${ref}^{}`, `refs/tags/${ref}`, ref]
    const commit = wanted.map((name) => all.get(name)).find((each) => each !== undefined)
    if (commit !== undefined && COMMIT.test(commit)) return commit
    throw new EngineError('BUILD', `Cannot fetch "${url}": it has no branch or tag "${ref}"`, {
      hint: 'write which one behind "#": branch, tag or the whole commit',
    })
  }

  /** The files of the commit. */
  async fill(directory: string, commit: string): Promise<void> {
    const { url } = this.#address
    const git = (...words: readonly string[]): Promise<string> => this.#run(words, directory)
    await git('init', '-q', '.')
    const fetch = ['fetch', '-q', '--no-tags', '--no-recurse-submodules']
    try {
      await git(...fetch, '--depth=1', '--', url, commit)
    } catch {
      // Some servers give nothing but branches and tags.
      await git(...fetch, '--', url, '+refs/*:refs/remote/*')
    }
    await git('checkout', '-q', '--detach', commit)
    if (existsSync(join(directory, '.gitmodules'))) {
      const update = ['submodule', 'update', '-q', '--init', '--recursive', '--depth=1']
      await this.#run(update, directory, {
        isOther: true,
      }) // oxfmt-ignore
    }
    if (!this.#options.keepsGit) rmSync(join(directory, '.git'), { recursive: true })
  }

  async #run(
    words: readonly string[],
    directory: string,
    { isOther = false } = {},
  ): Promise<string> {
    const allowed = this.#address.isLocal && !isOther ? ['file'] : REMOTE
    const child = spawn('git', [...SAFE, ...words], {
      cwd: directory,
      env: this.#environment(allowed),
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: this.#options.signal,
    })
    const { status, output, said } = await outcome(child)
    if (status === 0) return output
    this.#options.signal.throwIfAborted()
    throw failed(this.#address.url, { status, said })
  }

  /** Nobody is asked for a password, and no file of the user's is read but the keys of hosts. */
  #environment(allowed: readonly string[]): Record<string, string> {
    const { env, sshAgent } = this.#options
    const passedOn = Object.entries(env).filter(([name]) => PASSED_ON.test(name))
    return {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ...(Object.fromEntries(passedOn) as Record<string, string>),
      HOME: '/nonexistent',
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      GIT_ALLOW_PROTOCOL: allowed.join(':'),
      GIT_SSH_COMMAND: 'ssh -F /dev/null -o BatchMode=yes',
      ...(sshAgent === undefined ? {} : { SSH_AUTH_SOCK: sshAgent }),
    }
  }
}

const PASSED_ON = /^(?:PATH|SSL_CERT_\w+|GIT_SSL_CAINFO|(?:https?|no|all)_proxy|(?:HTTPS?|NO|ALL)_PROXY)$/u // oxfmt-ignore

interface Outcome {
  readonly status: number | string
  readonly output: string
  readonly said: string
}

async function outcome(child: ChildProcess): Promise<Outcome> {
  let [output, said] = ['', '']
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)))
  try {
    const [status] = (await once(child, 'close')) as [number | null]
    return { status: status ?? 'a signal', output, said }
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    if (!isMissing) return { status: 'an error', output, said: String(cause) }
    throw new EngineError('BUILD', 'Cannot fetch a git repository: there is no program "git"', {
      hint: 'install the package git',
      cause,
    })
  }
}

function failed(url: string, { status, said }: Pick<Outcome, 'status' | 'said'>): EngineError {
  const lines = said.split('\n').filter((line) => line.trim() !== '')
  const why = lines.find((line) => /^(?:fatal|error):/u.test(line)) ?? lines.at(-1)
  const text = why?.replace(/^(?:fatal|error): /u, '') ?? `git ended with ${status}`
  return new EngineError('BUILD', `Cannot fetch "${withoutPassword(url)}": ${text}`, {
    hint: 'try: git ls-remote ADDRESS; a private repository is best fetched over ssh, with --ssh',
  })
}

/** `https://user:password@host` is shown without the two. */
function withoutPassword(url: string): string {
  return url.replace(/^(?<scheme>https?:\/\/)[^@/]*@/u, '$<scheme>')
}
