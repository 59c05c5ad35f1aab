/** Seccomp profiles of the user's, in Docker's JSON. */

import { readFileSync, statSync } from 'node:fs'
import { EngineError, errorText } from '../../errors.ts'
import { SECCOMP_PROFILE_BYTES_MAX } from '../../limits.ts'
import type { SeccompProfile, SeccompRule } from '../../linux/index.ts'

/** Throws LAUNCH for a file that cannot be read, and for one that is no profile. */
export function readSeccompProfile(path: string): SeccompProfile {
  let content: unknown
  try {
    const stat = statSync(path)
    if (!stat.isFile()) throw new Error('it is not a regular file')
    if (stat.size > SECCOMP_PROFILE_BYTES_MAX) throw new Error(`it has ${stat.size} bytes`)
    content = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw refused(path, errorText(cause), cause)
  }
  if (!isRecord(content) || typeof content['defaultAction'] !== 'string') {
    throw refused(path, 'it has no "defaultAction"')
  }
  const { defaultAction, defaultErrnoRet, syscalls } = content
  const rules = Array.isArray(syscalls) ? syscalls : []
  return {
    defaultAction,
    ...(typeof defaultErrnoRet === 'number' ? { defaultErrnoRet } : {}),
    syscalls: rules.map((rule) => ruleOf(path, rule)),
  }
}

/** Older profiles have one `name` in each rule. */
function ruleOf(path: string, rule: unknown): SeccompRule {
  const { name, names = [name], action } = isRecord(rule) ? rule : {}
  const isList = Array.isArray(names) && names.every((each) => typeof each === 'string')
  if (!isList || typeof action !== 'string') {
    throw refused(path, `a rule has no names or no action: ${JSON.stringify(rule).slice(0, 80)}`)
  }
  return { ...(rule as SeccompRule), names, action }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refused(path: string, why: string, cause?: unknown): EngineError {
  return new EngineError('LAUNCH', `Cannot read the seccomp profile "${path}": ${why}`, {
    hint: 'give a profile in Docker\'s JSON, "unconfined", or leave "seccomp" out',
    cause,
  })
}
