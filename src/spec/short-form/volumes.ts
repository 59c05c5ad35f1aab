/** `volumes: ["./src:/app:ro"]`. */
import { posix } from 'node:path'
import { boolean, isString, map, type Node, text } from '../tree/node.ts'
import type { FormContext } from './canonical.ts'
import { parseVolume, type VolumeText } from './volume-text.ts'

export function longVolume(node: Node, { report, lenient }: FormContext): Node {
  if (!isString(node)) return node
  const volume = parseVolume(node.value)
  if (typeof volume === 'string') {
    if (!lenient) {
      report.error({
        rule: 'invalid-volume',
        place: node.place,
        message: `Cannot read the volume "${node.value}": ${volume}`,
      })
    }
    return node
  }
  return longForm(volume, node)
}

function longForm(volume: VolumeText, node: Node): Node {
  const optional = (value: string | undefined): Node | undefined =>
    value === undefined ? undefined : text(value, node)
  const isBind = volume.type === 'bind'
  const bind = map(
    {
      selinux: optional(volume.selinux),
      propagation: optional(volume.propagation),
      create_host_path: isBind ? boolean(true, node) : undefined,
    },
    node,
  )
  const hasVolume = volume.nocopy === true || !isBind
  return map(
    {
      type: text(volume.type, node),
      source: optional(volume.source),
      target: text(cleanPath(volume.target), node),
      read_only: volume.readOnly === true ? boolean(true, node) : undefined,
      bind: bind.entries.size > 0 ? bind : undefined,
      volume: hasVolume ? nocopy(volume, node) : undefined,
    },
    node,
  )
}

function nocopy(volume: VolumeText, node: Node): Node {
  return map({ nocopy: volume.nocopy === true ? boolean(true, node) : undefined }, node)
}

/** Without `.`, `..`, doubled slashes, and a slash at the end. */
function cleanPath(path: string): string {
  return posix.normalize(path).replace(/(.)\/$/, '$1')
}
