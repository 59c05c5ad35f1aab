/**
 * Checks of single resources that need no other part of the stack; they hold for included projects
 * on their own.
 */
import type { Report } from '../diagnostics/report.ts'
import { isIP } from '../short-form/address.ts'
import { get, getString, isString, type MapNode, type Node } from '../tree/node.ts'

export function checkForms(tree: Node, report: Report): void {
  for (const { key, value } of entries(tree, 'volumes'))
    checkExternal(`volumes.${key}`, value, report)
  for (const { key, value } of entries(tree, 'configs')) {
    checkSource(`configs.${key}`, value, { keys: ['file', 'environment', 'content'], report })
  }
  for (const { key, value } of entries(tree, 'secrets')) {
    checkSource(`secrets.${key}`, value, { keys: ['file', 'environment'], report })
  }
  for (const { key, value } of entries(tree, 'services'))
    checkService(`services.${key}`, value, report)
}

function entries(
  tree: Node,
  section: string,
): readonly { key: string; value: Node; keyPlace: Node['place'] }[] {
  const node = get(tree, section)
  return node?.kind === 'map' ? [...node.entries.values()] : []
}

function checkExternal(path: string, node: Node, report: Report): void {
  const external = get(node, 'external')
  if (node.kind !== 'map' || external?.kind !== 'scalar' || external.value !== true) return
  for (const { key, keyPlace } of node.entries.values()) {
    if (key === 'name' || key === 'external' || key.startsWith('x-')) continue
    report.error({
      rule: 'external-conflict',
      place: keyPlace,
      message:
        `Cannot use "${key}" for ${path} (conflicting parameters): ` +
        `it is external, so it exists already; remove "${key}" or "external"`,
    })
  }
}

function checkSource(
  path: string,
  node: Node,
  { keys, report }: { readonly keys: readonly string[]; readonly report: Report },
): void {
  if (node.kind !== 'map') {
    if (node.kind === 'scalar' && node.type === 'null') {
      report.error({
        rule: 'no-source',
        place: node.place,
        message: `Cannot use ${path}: one of ${keys.join(', ')} must be set`,
      })
    }
    return
  }
  const given = keys.filter((key) => node.entries.has(key))
  const second = given[1]
  if (second !== undefined) {
    report.error({
      rule: 'several-sources',
      place: node.entries.get(second)?.keyPlace,
      message:
        `Cannot use ${given.map((key) => `"${key}"`).join(' and ')} together for ${path}: ` +
        'they are mutually exclusive',
    })
  }
  if (given.length > 0 || node.entries.has('driver') || node.entries.has('external')) return
  report.error({
    rule: 'no-source',
    place: node.place,
    message: `Cannot use ${path}: one of ${keys.join(', ')} must be set, or external: true`,
  })
}

function checkService(path: string, node: Node, report: Report): void {
  if (node.kind !== 'map') return
  for (const [index, port] of items(get(node, 'ports')).entries()) {
    const ip = get(port, 'host_ip')
    if (!isString(ip) || ip.value === '' || ip.value.includes('$') || isIP(ip.value)) continue
    report.error({
      rule: 'invalid-port',
      place: ip.place,
      message: `Cannot publish ${path}.ports[${index}] on "${ip.value}": invalid ip address`,
    })
  }
  for (const mount of items(get(node, 'volumes'))) checkMount(path, mount, report)
  checkDevices(`${path}.gpus`, get(node, 'gpus'), report)
  const reservations = get(get(get(node, 'deploy'), 'resources'), 'reservations')
  checkDevices(
    `${path}.deploy.resources.reservations.devices`,
    get(reservations, 'devices'),
    report,
  )
  checkWatch(path, node, report)
}

function items(node: Node | undefined): readonly Node[] {
  return node?.kind === 'list' ? node.items : []
}

function checkMount(path: string, mount: Node, report: Report): void {
  if (mount.kind !== 'map') return
  const target = getString(mount, 'target') ?? ''
  if (target === '') {
    report.error({
      rule: 'invalid-volume',
      place: mount.place,
      message:
        `Cannot mount a volume of ${path}: "target" is empty; ` +
        'it needs a path in the container',
    })
  }
  if (getString(mount, 'type') !== 'bind' || get(mount, 'source') !== undefined) return
  report.error({
    rule: 'invalid-volume',
    place: mount.place,
    message:
      `Cannot mount a volume of ${path}: type "bind" needs "source"; ` +
      'the field Source must not be empty',
  })
}

function checkDevices(path: string, node: Node | undefined, report: Report): void {
  for (const [index, device] of items(node).entries()) {
    if (get(device, 'count') === undefined || get(device, 'device_ids') === undefined) continue
    report.error({
      rule: 'invalid-device',
      place: device.place,
      message:
        `Cannot use "count" and "device_ids" together for ${path}[${index}]: ` +
        'they are exclusive',
    })
  }
}

function checkWatch(path: string, node: MapNode, report: Report): void {
  for (const [index, watch] of items(get(get(node, 'develop'), 'watch')).entries()) {
    const watched = get(watch, 'path')
    if (!isString(watched) || watched.value !== '') continue
    report.error({
      rule: 'invalid-value',
      place: watched.place,
      message: `Cannot watch ${path}.develop.watch[${index}].path: the value can't be blank`,
    })
  }
}
