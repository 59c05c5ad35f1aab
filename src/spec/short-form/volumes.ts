/** `volumes: ["./src:/app:ro"]`. */
import { posix } from 'node:path'
import { boolean, isString, map, type Node, text } from '../tree/node.ts'
import type { FormContext } from './canonical.ts'
import { parseVolume } from './volume-text.ts'

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
  const { source, selinux, propagation } = volume
  const bind = {
    selinux: selinux === undefined ? undefined : text(selinux, node),
    propagation: propagation === undefined ? undefined : text(propagation, node),
    create_host_path: volume.type === 'bind' ? boolean(true, node) : undefined,
  }
  const hasBind = Object.values(bind).some((value) => value !== undefined)
  const nocopy = volume.nocopy === true ? { nocopy: boolean(true, node) } : {}
  const hasVolume = volume.nocopy === true || volume.type === 'volume'
  return map(
    {
      type: text(volume.type, node),
      source: source === undefined ? undefined : text(source, node),
      target: text(posix.normalize(volume.target).replace(/(.)\/$/, '$1'), node),
      read_only: volume.readOnly === true ? boolean(true, node) : undefined,
      bind: hasBind ? map(bind, node) : undefined,
      volume: hasVolume ? map(nocopy, node) : undefined,
    },
    node,
  )
}
