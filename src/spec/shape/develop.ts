/** The shape of `develop` and of hooks. */
import { emptyObject, type Plain } from '../tree/plain.ts'
import { anyText, flag, type Kind, list, struct, text, texts } from './kinds.ts'
import { command, environment } from './values.ts'

const hookKeys = struct({
  command,
  image: text,
  user: text,
  privileged: flag,
  working_dir: text,
  environment,
  per_replica: flag,
})

export const hook: Kind = (node, context) => {
  const object = emptyObject<Plain>()
  object['command'] = null
  return Object.assign(object, hookKeys(node, context))
}

const watchKeys = struct({
  path: anyText,
  action: anyText,
  target: text,
  exec: hook,
  include: texts,
  ignore: texts,
  initial_sync: flag,
})

/** `exec` is always there, with a command of `null` when it is not given. */
const watch: Kind = (node, context) => {
  const object = emptyObject<Plain>()
  object['exec'] = { command: null }
  return Object.assign(object, watchKeys(node, context))
}

export const develop: Kind = struct({ watch: list(watch) })
