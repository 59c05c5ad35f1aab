/**
 * What tsstack does with each key of a stack file: the one place to edit when a key gets built.
 *
 * To build a key, put `built()` in its line (or `partly(…)`, `only(…)` when some values work), then
 * run `npm run docs`, which writes docs/compose-support.md. Every use of a key that is `ignored`,
 * and every value of `partly` and `only` that does not work, is warned about.
 *
 * Each key of a service has a line, as the type demands. A deeper key without a line is as its
 * parent; a path names keys with `.`, and `*` is any name or list item.
 */
import type { Service } from '../model.ts'
import {
  ENGINE_SOCKET,
  EXTERNAL,
  logOptionGap,
  NO_ENGINE,
  NETWORK_OPTIONS,
  noPorts,
  SECURITY,
  otherCaches,
  SWARM,
  USERS,
  WINDOWS,
} from './cases.ts'
import { built, ignored, only, partly, type Support, textOf } from './support.ts'

const SERVICE: Readonly<Record<keyof Service, Support>> = {
  annotations: ignored('annotations are not kept'),
  attach: built(),
  blkio_config: built('weights need the BFQ scheduler or, with cgroup v2, iocost'),
  build: built('from folders, git repositories and archives'),
  cap_add: built(),
  cap_drop: built(),
  cgroup: only(['private', 'host'], 'the container has its own namespace'),
  cgroup_parent: built('a path, or the name of a systemd slice; made where it is missing'),
  command: built(),
  configs: built(),
  container_name: built(),
  cpu_count: ignored(WINDOWS),
  cpu_percent: ignored(WINDOWS),
  cpu_period: built(),
  cpu_quota: built(),
  cpu_rt_period: built('refused where the kernel has no real-time group scheduling'),
  cpu_rt_runtime: built('refused where the kernel has no real-time group scheduling'),
  cpu_shares: built(),
  cpus: built(),
  cpuset: built(),
  credential_spec: ignored(WINDOWS),
  depends_on: built(),
  deploy: built(),
  develop: built('by `watch` and `up --watch`'),
  device_cgroup_rules: built(),
  devices: built(),
  dns: built(),
  dns_opt: built(),
  dns_search: built(),
  domainname: built(),
  entrypoint: built(),
  env_file: built(),
  environment: built(),
  expose: built(),
  extends: built(),
  external_links: built('on networks that both are attached to'),
  extra_hosts: built(),
  gpus: built('by the CDI files of the host, with their hooks'),
  group_add: built(),
  healthcheck: partly('with `test`', (check) =>
    check !== null && typeof check === 'object' && ('test' in check || 'disable' in check)
      ? undefined
      : 'without "test" there is nothing to run',
  ),
  hostname: built(),
  image: built('`host:`, `dir:PATH`, `oci:DIR`, archives, registries'),
  init: built(),
  ipc: built(),
  isolation: only(['default'], WINDOWS),
  label_file: built(),
  labels: built(),
  links: built(),
  logging: built(),
  mac_address: built(),
  mem_limit: built(),
  mem_reservation: built(),
  mem_swappiness: built('cgroup v1; refused on v2, where the kernel has no such limit'),
  memswap_limit: built(),
  models: ignored('no model is run'),
  network_mode: partly('`none`, `host`, `service:NAME`', (mode) =>
    mode === 'bridge' || mode === 'default' ? 'it is the default network of the stack' : undefined,
  ),
  networks: built(),
  oom_kill_disable: built('cgroup v1; refused on v2, where the kernel has no such switch'),
  oom_score_adj: built(),
  pid: built(),
  pids_limit: built(),
  platform: built(),
  ports: partly('in a network of the stack', (_, place) => noPorts(place)),
  post_start: built(),
  pre_start: built('in a container of its own, before the first replica'),
  pre_stop: built('also before a container is replaced'),
  privileged: built(),
  profiles: built(),
  provider: ignored('the provider is not run'),
  pull_policy: built(),
  pull_refresh_after: ignored('use pull_policy: every_DURATION'),
  read_only: built(),
  restart: built(),
  runtime: only(['runc', 'crun', 'io.containerd.runc.v2'], 'tsstack starts containers itself'),
  scale: built(),
  secrets: built(),
  security_opt: built(),
  shm_size: built(),
  stdin_open: built(),
  stop_grace_period: built(),
  stop_signal: built(),
  storage_opt: ignored('the size of the writable layer is not limited'),
  sysctls: built(),
  tmpfs: built(),
  tty: built(),
  ulimits: built(),
  use_api_socket: ignored('there is no Docker engine', [false]),
  user: built(),
  userns_mode: partly('`host`, `auto`, `private`, `service:NAME`, `container:NAME`', (mode) =>
    USERS.test(textOf(mode)) ? undefined : 'the container shares the users of the host',
  ),
  uts: built(),
  volumes: built(),
  volumes_from: built(),
  working_dir: built(),
}

/** Deeper keys of a service that differ from their parent. */
const INSIDE_SERVICE: Readonly<Record<string, Support>> = {
  'build.cache_from': partly('`type=local,src=DIRECTORY`', otherCaches),
  'build.cache_to': partly('`type=local,dest=DIRECTORY`', otherCaches),
  'build.entitlements': ignored('RUN is always confined'),
  'build.isolation': only(['default'], WINDOWS),
  'build.network': only(['default', 'none', 'host'], 'no other network can be chosen'),
  'build.privileged': ignored('RUN is always confined', [false]),
  'build.provenance': ignored('no attestation is made', [false]),
  'build.sbom': ignored('no attestation is made', [false]),
  'deploy.mode': only(['replicated'], 'services are replicated'),
  'deploy.endpoint_mode': ignored('a name has the address of every replica'),
  'deploy.labels': ignored('there is no object of the service to carry them'),
  'deploy.placement': ignored('there is one machine'),
  'deploy.rollback_config': built('of a service with `update_config`'),
  'deploy.update_config': built('without it all replicas are replaced at once'),
  'deploy.resources.limits.devices': ignored('devices are not limited'),
  'deploy.resources.reservations.cpus': ignored('no processor is set aside'),
  'deploy.resources.reservations.devices': built('by the CDI files of the host, with their hooks'),
  'deploy.resources.reservations.generic_resources': ignored(SWARM),
  'logging.driver': built(
    '`json-file`, `local`, `none`, `journald`, `syslog`; others are refused. ' +
      '`logs` works with all but `none`',
  ),
  'logging.options.*': partly(
    '`max-size`, `max-file`; of journald and syslog all but TLS. Nothing blocks: no `mode` is needed',
    (_, place) => logOptionGap(place),
  ),
  'networks.*.driver_opts.*': partly('`com.docker.network.endpoint.sysctls`', (_, { key }) =>
    key === 'com.docker.network.endpoint.sysctls' ? undefined : 'only sysctls can be set',
  ),
  'ports.*.app_protocol': ignored('a remark'),
  'ports.*.name': ignored('a remark'),
  'ports.*.protocol': only(['tcp', 'udp'], 'only tcp and udp are published'),
  'security_opt.*': partly(
    '`no-new-privileges`, `seccomp=FILE|unconfined`, `apparmor=PROFILE|unconfined`, ' +
      '`systempaths=unconfined`, `writable-cgroups`, `label=disable`',
    (option) => (SECURITY.test(textOf(option)) ? undefined : 'it is not changed by tsstack'),
  ),
  'volumes.*.source': partly('any but the socket of an engine', (source) =>
    ENGINE_SOCKET.test(textOf(source)) ? NO_ENGINE : undefined,
  ),
  'volumes.*.type': only(['bind', 'volume', 'tmpfs'], 'a mount of another type is left out'),
  'volumes.*.consistency': ignored('for Docker Desktop only'),
  'volumes.*.bind.selinux': built('no label is needed: none confines a container'),
  'volumes.*.volume.labels': ignored('anonymous volumes have no labels'),
  'volumes_from.*': partly('services of the stack', (source) =>
    textOf(source).startsWith('container:') ? 'only services of the stack lend volumes' : undefined,
  ),
}

const OUTSIDE_SERVICES: Readonly<Record<string, Support>> = {
  version: ignored('obsolete'),
  models: ignored('no model is run'),
  'networks.*.attachable': ignored(SWARM, [false]),
  'networks.*.driver': only(
    ['bridge', 'default', 'macvlan', 'ipvlan'],
    'the network is a bridge of this machine',
  ),
  'networks.*.driver_opts.*': partly(
    'name, mtu, icc, masquerade, host binding, prefix and `tsstack.anti_spoofing` of bridges; parent and modes of macvlan and ipvlan',
    (_, { key }) => (NETWORK_OPTIONS.has(key) ? undefined : 'no such option is used'),
  ),
  'networks.*.ipam.driver': only(['default'], 'addresses are given out by tsstack'),
  'networks.*.ipam.options': ignored('addresses are given out by tsstack'),
  'volumes.*.driver': only(['local', 'default'], 'every volume is a folder of this machine'),
  'volumes.*.driver_opts': built('`type`, `device` and `o` of the local driver'),
  'configs.*.external': built(EXTERNAL),
  'secrets.*.external': built(EXTERNAL),
}

/** By path from the top of the file. */
export const SUPPORT: Readonly<Record<string, Support>> = {
  ...OUTSIDE_SERVICES,
  ...Object.fromEntries(
    Object.entries({ ...SERVICE, ...INSIDE_SERVICE }).map(([path, support]) => [
      `services.*.${path}`,
      support,
    ]),
  ),
}
