/** Values that a plan does not show: its text goes to terminals, pull requests and build logs. */

import type { FieldChange } from './model.ts'

/** What stands in the place of a secret value. */
const HIDDEN = '(hidden)'

/**
 * The change with its values hidden when its name, or a password in a URL, says that they are
 * secret.
 */
export function withoutSecrets(change: FieldChange): FieldChange {
  return {
    path: change.path,
    before: hide(change.path, change.before),
    after: hide(change.path, change.after),
  }
}

/** Names of variables and labels; whole fields, such as `environment`, are looked through. */
export const SECRET_NAME: RegExp =
  /pass|secret|token|credential|private|api_?key|access_?key|auth|_key\b|\bkey\b|_pw\b/iu

/** `scheme://user:password@host` */
const URL_PASSWORD = /(?<before>[a-z][a-z\d+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/giu

function hide(path: string, value: unknown): unknown {
  if (value === undefined) return value
  if (isSecret(path)) return HIDDEN
  if (typeof value === 'string') return value.replaceAll(URL_PASSWORD, `$<before>${HIDDEN}@`)
  if (Array.isArray(value)) return value.map((item) => hide(path, item))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]) => [key, hide(`${path}.${key}`, item)])
  return Object.fromEntries(entries)
}

function isSecret(path: string): boolean {
  const [, name] = /^(?:environment|labels)[.[](?<name>.+)$/u.exec(path) ?? []
  return name !== undefined && SECRET_NAME.test(name)
}
