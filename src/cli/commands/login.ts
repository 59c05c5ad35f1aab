/** `tsstack login` and `logout`: credentials for registries, kept as Docker keeps them. */

import { readFileSync } from 'node:fs'
import { UsageError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'
import { isTerminal, print, say } from '../output.ts'
import { safeText } from '../safe-text.ts'

const DEFAULT_REGISTRY = 'docker.io'

export const loginCommand: CommandModule = {
  define: (command, run) => {
    command
      .argument('[registry]', 'host, or host:port', DEFAULT_REGISTRY)
      .option('-u, --username <name>', 'account')
      .option('-p, --password <password>', 'others may see it: --password-stdin is better')
      .option('--password-stdin', 'the password is on standard input')
      .action((registry: string, flags: LoginFlags) => run(() => logIn(registry, flags)))
  },
}

export const logoutCommand: CommandModule = {
  define: (command, run) => {
    command
      .argument('[registry]', 'host, or host:port', DEFAULT_REGISTRY)
      .action((registry: string) => run(() => logOut(registry)))
  },
}

interface LoginFlags {
  readonly username?: string
  readonly password?: string
  readonly passwordStdin?: boolean
}

async function logIn(registry: string, flags: LoginFlags): Promise<number> {
  const { login } = await import('../../image/index.ts')
  const user = flags.username ?? (await question('Username: ', { isSecret: false }))
  const secret = await passwordOf(flags)
  if (user === '' || secret === '') {
    throw new UsageError('Cannot log in: user and password are needed', {
      hint: 'echo PASSWORD | tsstack login -u NAME --password-stdin HOST',
    })
  }
  const { where } = await login(plainHost(registry), { user, secret }, process.env)
  print(`Logged in to ${safeText(plainHost(registry))}; kept in ${where}`)
  return 0
}

async function logOut(registry: string): Promise<number> {
  const { logout } = await import('../../image/index.ts')
  const wasKnown = await logout(plainHost(registry), process.env)
  print(`${wasKnown ? 'Logged out of' : 'Not logged in to'} ${safeText(plainHost(registry))}`)
  return 0
}

/** `https://host/v1/` is the host to people who copy it from config.json. */
function plainHost(registry: string): string {
  const host = registry.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  return /^(?:index\.|registry-1\.)?docker\.io$/.test(host) ? DEFAULT_REGISTRY : host
}

function passwordOf({ password, passwordStdin }: LoginFlags): Promise<string> {
  if (password !== undefined) {
    say('warning: a password on the command line is seen by others; use --password-stdin')
    return Promise.resolve(password)
  }
  if (passwordStdin === true) {
    return Promise.resolve(readFileSync(0, 'utf8').replace(/\r?\n$/, ''))
  }
  return question('Password: ', { isSecret: true })
}

/** '' when there is nobody to ask. */
async function question(text: string, { isSecret }: { isSecret: boolean }): Promise<string> {
  if (!isTerminal(0)) return ''
  const { createInterface } = await import('node:readline/promises')
  const { Writable } = await import('node:stream')
  process.stderr.write(text)
  const output = isSecret ? new Writable({ write: (_, __, done) => done() }) : process.stderr
  const reader = createInterface({ input: process.stdin, output, terminal: true })
  try {
    return await reader.question('')
  } finally {
    reader.close()
    if (isSecret) process.stderr.write('\n')
  }
}
