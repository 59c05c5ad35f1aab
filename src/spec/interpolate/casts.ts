/**
 * Values that are no strings although they were written with variables: cast by path once filled
 * in.
 */
import { boolean, integer, type Node, type ScalarNode } from '../tree/node.ts'
import { rules, type Rules } from '../tree/rules.ts'

/** `expected` completes "needs …" when the text is something else. */
export interface Cast {
  readonly expected: string
  readonly to: (text: string, node: ScalarNode) => Node | undefined
}

const TRUE = new Set(['true', 'y', 'yes', 'on'])
const FALSE = new Set(['false', 'n', 'no', 'off'])

const toBoolean: Cast = {
  expected: 'true or false',
  to: (text, node) => {
    const word = text.toLowerCase()
    if (TRUE.has(word)) return boolean(true, node)
    return FALSE.has(word) ? boolean(false, node) : undefined
  },
}

const toInteger: Cast = {
  expected: 'a whole number',
  to: (text, node) => (/^[-+]?\d+$/.test(text) ? integer(Number(text), node) : undefined),
}

const toNumber: Cast = {
  expected: 'a number',
  to: (text, node) => {
    if (!/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(text)) return undefined
    return { kind: 'scalar', type: 'float', value: Number(text), place: node.place }
  },
}

/**
 * Words that YAML 1.2 does not read as booleans although they are taken here; they deserve a
 * warning.
 */
export function isOldBoolean(text: string): boolean {
  const word = text.toLowerCase()
  return word !== 'true' && word !== 'false' && (TRUE.has(word) || FALSE.has(word))
}

function services(table: Readonly<Record<string, Cast>>): Record<string, Cast> {
  return Object.fromEntries(Object.entries(table).map(([key, cast]) => [`services.*.${key}`, cast]))
}

export const CASTS: Rules<Cast> = rules<Cast>({
  ...services({
    cpu_count: toInteger,
    cpu_percent: toNumber,
    cpu_period: toInteger,
    cpu_quota: toInteger,
    cpu_rt_period: toInteger,
    cpu_rt_runtime: toInteger,
    cpus: toNumber,
    cpu_shares: toInteger,
    init: toBoolean,
    'deploy.replicas': toInteger,
    'deploy.update_config.parallelism': toInteger,
    'deploy.update_config.max_failure_ratio': toNumber,
    'deploy.rollback_config.parallelism': toInteger,
    'deploy.rollback_config.max_failure_ratio': toNumber,
    'deploy.restart_policy.max_attempts': toInteger,
    'deploy.placement.max_replicas_per_node': toInteger,
    'healthcheck.retries': toInteger,
    'healthcheck.disable': toBoolean,
    oom_kill_disable: toBoolean,
    oom_score_adj: toInteger,
    pids_limit: toInteger,
    'ports.*.target': toInteger,
    privileged: toBoolean,
    read_only: toBoolean,
    scale: toInteger,
    stdin_open: toBoolean,
    tty: toBoolean,
    'ulimits.*': toInteger,
    'ulimits.*.hard': toInteger,
    'ulimits.*.soft': toInteger,
    'volumes.*.read_only': toBoolean,
    'volumes.*.volume.nocopy': toBoolean,
  }),
  'networks.*.external': toBoolean,
  'networks.*.internal': toBoolean,
  'networks.*.attachable': toBoolean,
  'networks.*.enable_ipv4': toBoolean,
  'networks.*.enable_ipv6': toBoolean,
  'volumes.*.external': toBoolean,
  'secrets.*.external': toBoolean,
  'configs.*.external': toBoolean,
})
