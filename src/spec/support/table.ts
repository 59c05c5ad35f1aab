/**
 * What tsstack does with each key of a stack file: the one place to edit when a key gets built.
 *
 * A key that is not here is built. `ignored` keys are read, checked and shown by `config`, and
 * warned about; `refused` keys are errors. A path names keys with `.`; `*` is any key or list item.
 */

export type Support =
  | { readonly status: 'built'; readonly note?: string }
  | { readonly status: 'ignored'; readonly reason: string }
  | { readonly status: 'refused'; readonly reason: string }

function ignored(reason: string): Support {
  return { status: 'ignored', reason }
}

const NOT_YET = 'not built yet'
const SWARM = 'for clusters of machines; tsstack runs on one'
const WINDOWS = 'for Windows only'
const NO_REGISTRY = 'images come from host: or dir: so far'

const SERVICE: Readonly<Record<string, Support>> = {
  build: ignored('building images is not built yet; give a root filesystem with image: dir:PATH'),
  platform: ignored(NO_REGISTRY),
  pull_policy: ignored(NO_REGISTRY),
  pull_refresh_after: ignored(NO_REGISTRY),
  annotations: ignored(NOT_YET),
  provider: ignored(NOT_YET),
  attach: ignored(NOT_YET),
  runtime: ignored('tsstack starts containers itself'),
  isolation: ignored(WINDOWS),
  use_api_socket: ignored('there is no Docker engine'),
  models: ignored(NOT_YET),
  develop: ignored(NOT_YET),
  pre_start: ignored(NOT_YET),
  post_start: ignored(NOT_YET),
  pre_stop: ignored(NOT_YET),
  'deploy.mode': ignored(SWARM),
  'deploy.endpoint_mode': ignored(SWARM),
  'deploy.labels': ignored(SWARM),
  'deploy.update_config': ignored(NOT_YET),
  'deploy.rollback_config': ignored(NOT_YET),
  'deploy.placement': ignored(SWARM),
  'deploy.resources.limits.devices': ignored(NOT_YET),
  'deploy.resources.reservations.cpus': ignored('no processor is set aside'),
  'deploy.resources.reservations.devices': ignored(NOT_YET),
  'deploy.resources.reservations.generic_resources': ignored(SWARM),
  cpu_count: ignored(WINDOWS),
  cpu_percent: ignored(WINDOWS),
  cpu_rt_period: ignored(NOT_YET),
  cpu_rt_runtime: ignored(NOT_YET),
  mem_swappiness: ignored('the kernel has no such limit in cgroup v2'),
  oom_kill_disable: ignored('the kernel has no such switch in cgroup v2'),
  blkio_config: ignored(NOT_YET),
  cgroup: ignored(NOT_YET),
  cgroup_parent: ignored(NOT_YET),
  userns_mode: ignored(NOT_YET),
  pid: ignored(NOT_YET),
  ipc: ignored(NOT_YET),
  uts: ignored(NOT_YET),
  tty: ignored('the program runs without a terminal; "tsstack exec" gives one'),
  stdin_open: ignored('the program reads nothing; "tsstack exec" passes input on'),
  devices: ignored(NOT_YET),
  device_cgroup_rules: ignored(NOT_YET),
  gpus: ignored(NOT_YET),
  credential_spec: ignored(WINDOWS),
  storage_opt: ignored(NOT_YET),
  external_links: ignored(NOT_YET),
  'networks.*.driver_opts': ignored(NOT_YET),
  'networks.*.interface_name': ignored(NOT_YET),
  'networks.*.ipv6_address': ignored(NOT_YET),
  'networks.*.link_local_ips': ignored(NOT_YET),
  'ports.*.name': ignored('a remark'),
  'ports.*.app_protocol': ignored('a remark'),
  'volumes.*.consistency': ignored('for Docker Desktop only'),
  'volumes.*.volume.labels': ignored(NOT_YET),
  'volumes.*.bind.recursive': ignored(NOT_YET),
  'logging.driver': ignored('logs are files of tsstack; "tsstack logs" shows them'),
}

const TOP: Readonly<Record<string, Support>> = {
  version: ignored('obsolete'),
  models: ignored(NOT_YET),
  'networks.*.driver': ignored('every network is a bridge'),
  'networks.*.attachable': ignored(SWARM),
  'networks.*.enable_ipv4': ignored(NOT_YET),
  'networks.*.enable_ipv6': ignored(NOT_YET),
  'networks.*.ipam.driver': ignored('addresses are given out by tsstack'),
  'networks.*.ipam.options': ignored(NOT_YET),
  'networks.*.ipam.config.*.aux_addresses': ignored(NOT_YET),
  'volumes.*.driver': ignored('every volume is a folder of this machine'),
  'volumes.*.driver_opts': ignored(NOT_YET),
}

export const SUPPORT: Readonly<Record<string, Support>> = {
  ...TOP,
  ...Object.fromEntries(
    Object.entries(SERVICE).map(([path, support]) => [`services.*.${path}`, support]),
  ),
}

/** Values of ignored keys that change nothing, so that nobody needs to hear of them. */
export const HARMLESS: Readonly<Record<string, readonly unknown[]>> = {
  'networks.*.driver': ['bridge'],
  'networks.*.ipam.driver': ['default'],
  'networks.*.enable_ipv4': [true],
  'networks.*.enable_ipv6': [false],
  'volumes.*.driver': ['local'],
  'services.*.attach': [true],
  'services.*.use_api_socket': [false],
  'services.*.oom_kill_disable': [false],
  'services.*.tty': [false],
  'services.*.stdin_open': [false],
  'services.*.cgroup': ['private'],
  'services.*.ipc': ['private', 'shareable'],
  'services.*.pid': ['private'],
  'services.*.uts': ['private'],
  'services.*.userns_mode': ['host'],
  'services.*.isolation': ['default'],
  'services.*.runtime': ['runc', 'crun', 'io.containerd.runc.v2'],
  'services.*.deploy.mode': ['replicated'],
  'services.*.logging.driver': ['json-file', 'local', 'none'],
}

/**
 * Keys that work, but not with every value: the planner warns of the others
 * (src/planner/planability).
 */
export const NOTES: Readonly<Record<string, string>> = {
  'services.*.image': 'host: and dir:PATH; registries are to come',
  'services.*.security_opt': 'no-new-privileges and seccomp=unconfined',
  'services.*.network_mode': 'none, host, bridge and service:NAME',
  'services.*.configs': 'those with "file", which is mounted as it is',
  'services.*.secrets': 'those with "file", which is mounted as it is',
  'services.*.links': 'an order of start follows; services reach each other by name, not by alias',
  'services.*.volumes_from': 'from services of the stack',
  'services.*.volumes.*.type': 'bind, volume and tmpfs',
  'services.*.volumes.*.bind.selinux': 'no label is needed: none confines a container',
  'services.*.logging.options': 'max-size and max-file',
  'networks.*.driver_opts': 'com.docker.network.driver.mtu',
  'configs.*.file': 'mounted as it is',
  'configs.*.content': 'only "file" is mounted so far',
  'configs.*.environment': 'only "file" is mounted so far',
  'secrets.*.file': 'mounted as it is',
  'secrets.*.environment': 'only "file" is mounted so far',
}
