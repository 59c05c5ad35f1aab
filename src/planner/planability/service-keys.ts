/** Which keys of a service have an effect: one entry for each, so that none can be forgotten. */

import type { Service } from '../../spec/index.ts'
import type { Gap } from '../planability.ts'

/** Keys without effect that say something, whatever their value. */
export function keyGaps(service: Service): readonly Gap[] {
  return Object.entries(KEYS).flatMap(([key, support]) => {
    const value = service[key as keyof Service]
    const isGap = support !== HAS_EFFECT && support !== NEEDS_NONE && saysSomething(value)
    return isGap ? [{ path: [key], instead: support }] : []
  })
}

/** `false`, an empty list and an empty map ask for nothing. */
export function saysSomething(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return false
  if (typeof value !== 'object') return true
  return Object.keys(value).length > 0
}

const HAS_EFFECT = ''
/**
 * Done with when the stack is loaded, used by the command line, or without effect in Docker too.
 */
const NEEDS_NONE = '-'

const NO_HOOKS = 'hooks are not run'
const NO_DEVICES = 'the container gets the default devices only'
const OWN_NAMESPACES = 'the container has its own namespace'
const KERNEL_DEFAULT = "the kernel's default is used"

const KEYS: Readonly<Record<keyof Service, string>> = {
  annotations: 'annotations are not kept',
  attach: NEEDS_NONE,
  blkio_config: 'block devices are not limited',
  build: 'the image must exist already',
  cap_add: HAS_EFFECT,
  cap_drop: HAS_EFFECT,
  cgroup: HAS_EFFECT,
  cgroup_parent: 'the group is below that of the stack',
  command: HAS_EFFECT,
  configs: HAS_EFFECT,
  container_name: HAS_EFFECT,
  cpu_count: 'use cpus',
  cpu_percent: 'use cpus',
  cpu_period: HAS_EFFECT,
  cpu_quota: HAS_EFFECT,
  cpu_rt_period: KERNEL_DEFAULT,
  cpu_rt_runtime: KERNEL_DEFAULT,
  cpu_shares: HAS_EFFECT,
  cpus: HAS_EFFECT,
  cpuset: HAS_EFFECT,
  credential_spec: 'it is for Windows',
  depends_on: HAS_EFFECT,
  deploy: HAS_EFFECT,
  develop: 'files are not watched',
  device_cgroup_rules: NO_DEVICES,
  devices: NO_DEVICES,
  dns: HAS_EFFECT,
  dns_opt: HAS_EFFECT,
  dns_search: HAS_EFFECT,
  domainname: HAS_EFFECT,
  entrypoint: HAS_EFFECT,
  env_file: NEEDS_NONE,
  environment: HAS_EFFECT,
  expose: NEEDS_NONE,
  extends: NEEDS_NONE,
  external_links: 'containers of other stacks are not found by name',
  extra_hosts: HAS_EFFECT,
  gpus: NO_DEVICES,
  group_add: HAS_EFFECT,
  healthcheck: HAS_EFFECT,
  hostname: HAS_EFFECT,
  image: HAS_EFFECT,
  init: HAS_EFFECT,
  ipc: HAS_EFFECT,
  isolation: HAS_EFFECT,
  label_file: NEEDS_NONE,
  labels: HAS_EFFECT,
  links: HAS_EFFECT,
  logging: HAS_EFFECT,
  mac_address: HAS_EFFECT,
  mem_limit: HAS_EFFECT,
  mem_reservation: HAS_EFFECT,
  mem_swappiness: KERNEL_DEFAULT,
  memswap_limit: HAS_EFFECT,
  models: 'no model is run',
  network_mode: HAS_EFFECT,
  networks: HAS_EFFECT,
  oom_kill_disable: 'the kernel ends a process at the memory limit',
  oom_score_adj: HAS_EFFECT,
  pid: HAS_EFFECT,
  pids_limit: HAS_EFFECT,
  platform: 'programs are taken to fit this machine',
  ports: HAS_EFFECT,
  post_start: NO_HOOKS,
  pre_start: NO_HOOKS,
  pre_stop: NO_HOOKS,
  privileged: HAS_EFFECT,
  profiles: NEEDS_NONE,
  provider: 'the provider is not run',
  pull_policy: 'images are not pulled',
  pull_refresh_after: 'images are not pulled',
  read_only: HAS_EFFECT,
  restart: HAS_EFFECT,
  runtime: HAS_EFFECT,
  scale: HAS_EFFECT,
  secrets: HAS_EFFECT,
  security_opt: HAS_EFFECT,
  shm_size: HAS_EFFECT,
  stdin_open: 'the program has no input',
  stop_grace_period: HAS_EFFECT,
  stop_signal: HAS_EFFECT,
  storage_opt: 'the size of the writable layer is not limited',
  sysctls: HAS_EFFECT,
  tmpfs: HAS_EFFECT,
  tty: 'the program has no terminal',
  ulimits: HAS_EFFECT,
  use_api_socket: 'there is no Docker API',
  user: HAS_EFFECT,
  userns_mode: HAS_EFFECT,
  uts: HAS_EFFECT,
  volumes: HAS_EFFECT,
  volumes_from: HAS_EFFECT,
  working_dir: HAS_EFFECT,
}

/** Keys of which some values are as good as none, and what happens instead of the others. */
export const HARMLESS_VALUES: Readonly<
  Partial<Record<keyof Service, { readonly values: readonly string[]; readonly instead: string }>>
> = {
  cgroup: { values: ['private'], instead: OWN_NAMESPACES },
  ipc: { values: ['private', 'shareable'], instead: OWN_NAMESPACES },
  isolation: { values: ['default'], instead: 'it is for Windows' },
  pid: { values: ['private'], instead: OWN_NAMESPACES },
  runtime: { values: ['runc', 'crun', 'io.containerd.runc.v2'], instead: 'tsstack is the runtime' },
  userns_mode: { values: ['host'], instead: 'the container shares the users of the host' },
  uts: { values: ['private'], instead: OWN_NAMESPACES },
}
