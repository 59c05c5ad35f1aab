/** The shape of an entry of a service's `volumes`. */
import { anyFlag, flag, integer, type Kind, refuse, struct, text } from './kinds.ts'
import { bytes, labels } from './values.ts'

/** Permission bits as a number; text is octal. */
const mode: Kind = (node, context) => {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return integer(node, context)
  if (/^\d+$/.test(node.value)) return Number(node.value) || undefined
  return refuse(node, 'permission bits, such as 0o1777', context)
}

export const mount: Kind = struct({
  type: text,
  source: text,
  target: text,
  read_only: flag,
  consistency: text,
  // `create_host_path: false` is not printed (config/printable.ts), but is not the same as nothing.
  bind: struct({ selinux: text, propagation: text, create_host_path: anyFlag, recursive: text }),
  volume: struct({ labels, nocopy: flag, subpath: text }),
  tmpfs: struct({ size: bytes, mode }),
  image: struct({ subpath: text }),
})
