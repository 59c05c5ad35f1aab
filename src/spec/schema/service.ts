/**
 * Input schema of a service. One entry a key; the order is that of the Compose specification's
 * chapters.
 */
import { buildSchema } from './build.ts'
import { deploySchema, deviceRequests } from './deploy.ts'
import { developSchema, hook, initHook } from './develop.ts'
import {
  assignments,
  atLeast,
  between,
  command,
  either,
  empty,
  fixed,
  flag,
  integer,
  integerOrText,
  listOf,
  named,
  numberOnly,
  numberOrText,
  oneOf,
  options,
  pattern,
  type Schema,
  strictFlag,
  text,
  textOrNull,
  textOrTexts,
  texts,
  unique,
} from './kinds.ts'
import { extraHosts, fileMounts, ulimits } from './parts.ts'
import { ports, volumes } from './mounts.ts'

export const RESOURCE_NAME: RegExp = /^[a-zA-Z0-9._-]+$/
const PULL_POLICY =
  /always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+/

const network = either(
  fixed({
    aliases: texts,
    interface_name: text,
    ipv4_address: text,
    ipv6_address: text,
    link_local_ips: texts,
    mac_address: text,
    driver_opts: options,
    priority: numberOnly,
    gw_priority: numberOnly,
  }),
  empty,
)

const dependency = fixed(
  {
    restart: flag,
    required: strictFlag,
    condition: oneOf('service_started', 'service_healthy', 'service_completed_successfully'),
  },
  ['condition'],
)

const healthcheck = fixed({
  disable: flag,
  interval: text,
  retries: numberOrText,
  test: either(text, listOf(text)),
  timeout: text,
  start_period: text,
  start_interval: text,
})

const rates = listOf(fixed({ path: text, rate: integerOrText }))
const blkio = fixed({
  device_read_bps: rates,
  device_read_iops: rates,
  device_write_bps: rates,
  device_write_iops: rates,
  weight: integerOrText,
  weight_device: listOf(fixed({ path: text, weight: integerOrText })),
})

const process: Readonly<Record<string, Schema>> = {
  image: text,
  build: buildSchema,
  platform: text,
  pull_policy: pattern(PULL_POLICY),
  pull_refresh_after: text,
  command,
  entrypoint: command,
  working_dir: text,
  user: text,
  group_add: unique(numberOrText),
  init: flag,
  tty: flag,
  stdin_open: flag,
  environment: assignments,
  env_file: either(
    text,
    listOf(either(text, fixed({ path: text, format: text, required: flag }, ['path']))),
  ),
  labels: assignments,
  label_file: either(text, listOf(text)),
  annotations: assignments,
  profiles: texts,
  extends: either(text, fixed({ service: text, file: text }, ['service'])),
  provider: fixed({ type: text, options: named(either(flagOrNumber(), listOf(flagOrNumber()))) }, [
    'type',
  ]),
  attach: flag,
  container_name: pattern(/[a-zA-Z0-9][a-zA-Z0-9_.-]+/),
  scale: integerOrText,
  runtime: text,
  isolation: text,
  use_api_socket: strictFlag,
  models: either(
    texts,
    named(either(fixed({ endpoint_var: text, model_var: text }), empty), RESOURCE_NAME),
  ),
  develop: developSchema,
}

const lifecycle: Readonly<Record<string, Schema>> = {
  depends_on: either(texts, named(dependency, RESOURCE_NAME)),
  restart: text,
  stop_signal: text,
  stop_grace_period: text,
  healthcheck,
  pre_start: listOf(initHook),
  post_start: listOf(hook),
  pre_stop: listOf(hook),
  logging: fixed({ driver: text, options: named(either(text, numberOnly, empty)) }),
  deploy: deploySchema,
}

const isolation: Readonly<Record<string, Schema>> = {
  cpus: numberOrText,
  cpu_count: atLeast(0),
  cpu_percent: between(0, 100),
  cpu_shares: numberOrText,
  cpu_quota: numberOrText,
  cpu_period: numberOrText,
  cpu_rt_period: numberOrText,
  cpu_rt_runtime: numberOrText,
  cpuset: text,
  mem_limit: numberOrText,
  mem_reservation: integerOrText,
  memswap_limit: numberOrText,
  mem_swappiness: integerOrText,
  oom_kill_disable: flag,
  oom_score_adj: between(-1000, 1000),
  pids_limit: numberOrText,
  shm_size: numberOrText,
  ulimits,
  blkio_config: blkio,
  cgroup: oneOf('host', 'private'),
  cgroup_parent: text,
  cap_add: texts,
  cap_drop: texts,
  privileged: flag,
  security_opt: texts,
  read_only: flag,
  userns_mode: text,
  pid: textOrNull,
  ipc: text,
  uts: text,
  sysctls: assignments,
  devices: listOf(
    either(text, fixed({ source: text, target: text, permissions: text }, ['source'])),
  ),
  device_cgroup_rules: texts,
  gpus: either(oneOf('all'), deviceRequests([])),
  credential_spec: fixed({ config: text, file: text, registry: text }),
  storage_opt: named(either(text, integer, flag)),
}

const connections: Readonly<Record<string, Schema>> = {
  hostname: text,
  domainname: text,
  dns: textOrTexts,
  dns_search: textOrTexts,
  dns_opt: texts,
  extra_hosts: extraHosts,
  network_mode: text,
  networks: either(texts, named(network, RESOURCE_NAME)),
  links: texts,
  external_links: texts,
  mac_address: text,
  ports,
  expose: unique(numberOrText),
  volumes,
  volumes_from: texts,
  tmpfs: textOrTexts,
  configs: fileMounts,
  secrets: fileMounts,
}

const SERVICE_KEYS: Readonly<Record<string, Schema>> = {
  ...process,
  ...lifecycle,
  ...isolation,
  ...connections,
}

export const serviceSchema: Schema = fixed(SERVICE_KEYS)

function flagOrNumber(): Schema {
  return either(flag, numberOnly)
}
