/** The shape of a service in the model: what each key becomes. */
import { build } from './build.ts'
import { deploy, deviceRequest } from './deploy.ts'
import { develop, hook } from './develop.ts'
import {
  anyFlag,
  anyInteger,
  anyText,
  flag,
  float,
  integer,
  type Kind,
  list,
  mapping,
  struct,
  text,
  texts,
} from './kinds.ts'
import { scalarText, emptyObject, type Plain } from '../tree/plain.ts'
import type { Service } from '../model.ts'
import { mount } from './mount.ts'
import { fileReference, port, ulimit } from './parts.ts'
import {
  anyBytes,
  bytes,
  command,
  duration,
  environment,
  healthTest,
  hosts,
  labels,
  options,
  ownOptions,
} from './values.ts'

const healthcheck = struct({
  test: healthTest,
  timeout: duration,
  interval: duration,
  retries: anyInteger,
  start_period: duration,
  start_interval: duration,
  disable: flag,
})

const network = struct({
  aliases: texts,
  driver_opts: options,
  gw_priority: integer,
  interface_name: text,
  ipv4_address: text,
  ipv6_address: text,
  link_local_ips: texts,
  mac_address: text,
  priority: integer,
})

const dependency = struct({ condition: text, restart: flag, required: anyFlag })

/** Keys of these lists are capital in the canonical form. */
function capital(keys: { readonly path: Kind; readonly [key: string]: Kind }): Kind {
  const inner = struct(keys)
  return (node, context) => {
    const object = emptyObject<Plain>()
    for (const [key, value] of Object.entries(inner(node, context) ?? {})) {
      object[`${key.charAt(0).toUpperCase()}${key.slice(1)}`] = value
    }
    return object
  }
}

const rates = list(capital({ path: anyText, rate: anyBytes }))
const blkio = struct({
  weight: integer,
  weight_device: list(capital({ path: anyText, weight: anyInteger })),
  device_read_bps: rates,
  device_read_iops: rates,
  device_write_bps: rates,
  device_write_iops: rates,
})

const multiOptions: Kind = mapping((node, context) =>
  node.kind === 'list' ? texts(node, context) : [anyText(node, context) ?? ''],
)

/** Only there when the extended service is empty. */
const extended: Kind = (node, context) =>
  node.kind === 'map'
    ? struct({ file: text, service: text })(node, context)
    : node.kind === 'scalar'
      ? { service: scalarText(node) }
      : undefined

const KEYS: Readonly<Record<string, Kind>> = {
  profiles: texts,
  annotations: labels,
  attach: anyFlag,
  build,
  develop,
  blkio_config: blkio,
  cap_add: texts,
  cap_drop: texts,
  cgroup_parent: text,
  cgroup: text,
  cpu_count: integer,
  cpu_percent: float,
  cpu_period: integer,
  cpu_quota: integer,
  cpu_rt_period: integer,
  cpu_rt_runtime: integer,
  cpus: float,
  cpuset: text,
  cpu_shares: integer,
  command,
  configs: list(fileReference),
  container_name: text,
  credential_spec: struct({ config: text, file: text, registry: text }),
  depends_on: mapping(dependency),
  deploy,
  device_cgroup_rules: texts,
  devices: list(struct({ source: text, target: text, permissions: text })),
  dns: texts,
  dns_opt: texts,
  dns_search: texts,
  domainname: text,
  entrypoint: command,
  provider: struct({ type: text, options: multiOptions }),
  environment,
  env_file: list(struct({ path: anyText, required: anyFlag, format: text })),
  expose: texts,
  extends: extended,
  external_links: texts,
  extra_hosts: hosts,
  group_add: texts,
  gpus: list(deviceRequest),
  hostname: text,
  healthcheck,
  image: text,
  init: anyFlag,
  ipc: text,
  isolation: text,
  labels,
  label_file: texts,
  links: texts,
  logging: struct({ driver: text, options }),
  mem_limit: bytes,
  mem_reservation: bytes,
  memswap_limit: bytes,
  mem_swappiness: bytes,
  mac_address: text,
  models: mapping(struct({ endpoint_var: text, model_var: text }), { nullable: true }),
  network_mode: text,
  networks: mapping(network, { nullable: true }),
  oom_kill_disable: flag,
  oom_score_adj: integer,
  pid: text,
  pids_limit: integer,
  platform: text,
  ports: list(port),
  privileged: flag,
  pull_policy: text,
  pull_refresh_after: text,
  read_only: flag,
  restart: text,
  runtime: text,
  scale: anyInteger,
  secrets: list(fileReference),
  security_opt: texts,
  shm_size: bytes,
  stdin_open: flag,
  stop_grace_period: duration,
  stop_signal: text,
  storage_opt: options,
  sysctls: labels,
  tmpfs: texts,
  tty: flag,
  ulimits: mapping(ulimit),
  use_api_socket: flag,
  user: text,
  userns_mode: text,
  uts: text,
  volumes: list(mount),
  volumes_from: texts,
  working_dir: text,
  pre_start: list(hook),
  post_start: list(hook),
  pre_stop: list(hook),
  // Of our own: faults on purpose.
  'x-net': options,
  'x-tsstack': ownOptions,
}

const keys = struct(KEYS)
const ORDER: ReadonlyMap<string, number> = new Map(
  Object.keys({ command, entrypoint: command, ...KEYS }).map((key, at) => [key, at]),
)

function rank(key: string): number {
  return ORDER.get(key) ?? ORDER.size
}

/** A service that got a key later, with its keys where they would be had the file given them. */
export function inKeyOrder(given: Service): Service {
  const entries = Object.entries(given).sort(([a], [b]) => rank(a) - rank(b))
  return Object.fromEntries(entries) as unknown as Service
}

/** `command` and `entrypoint` are always there, `null` when they are not given. */
export const service: Kind = (node, context) => {
  return Object.assign({ command: null, entrypoint: null }, keys(node, context))
}
