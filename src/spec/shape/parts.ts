/** Shapes that several keys share. */
import { anyText, anyInteger, type Kind, struct, text, integer, refuse } from './kinds.ts'
import { octalMode } from './values.ts'
import { scalarText } from '../tree/plain.ts'

export const fileReference: Kind = struct({
  source: anyText,
  target: text,
  uid: text,
  gid: text,
  mode: octalMode,
})

export const port: Kind = struct({
  name: text,
  mode: text,
  host_ip: text,
  target: integer,
  published: text,
  protocol: text,
  app_protocol: text,
})

const softHard: Kind = struct({ soft: anyInteger, hard: anyInteger })

/** One number for both limits, or the two. */
export const ulimit: Kind = (node, context) => {
  if (node.kind === 'map') return softHard(node, context)
  if (node.kind !== 'scalar') return undefined
  const value = Number(scalarText(node))
  if (Number.isInteger(value)) return value === 0 ? { soft: 0, hard: 0 } : value
  return refuse(node, 'a whole number', context)
}
