/** A picture in the language of Graphviz. Pure. */

import type { Edge, Picture } from './picture.ts'

const COLORS = { good: '#2e7d32', bad: '#c62828', waiting: '#f9a825', unknown: '#757575' } as const

export function drawDot(picture: Picture): string {
  const target = ({ kind, to }: Edge): string =>
    quoted(`${({ needs: 'service', attached: 'network', mounts: 'volume' } as const)[kind]} ${to}`)
  return [
    `digraph ${quoted(picture.stack)} {`,
    '  rankdir=LR; node [fontname="sans-serif"];',
    ...picture.services.map(({ name, state, ports, mood }) => {
      const label = [name, state, ...ports].join('\n')
      const look = `shape=box, label=${quoted(label)}, color="${COLORS[mood]}"`
      return `  ${quoted(`service ${name}`)} [${look}];`
    }),
    ...picture.networks.map(({ name, remark }) => {
      const label = [name, remark].filter((word) => word !== '').join('\n')
      return `  ${quoted(`network ${name}`)} [shape=ellipse, label=${quoted(label)}];`
    }),
    ...picture.volumes.map(
      (name) => `  ${quoted(`volume ${name}`)} [shape=cylinder, label=${quoted(name)}];`,
    ),
    ...picture.edges.map((edge) => {
      const style = { needs: '', attached: ' [dir=none]', mounts: ' [dir=none, style=dashed]' }
      return `  ${quoted(`service ${edge.from}`)} -> ${target(edge)}${style[edge.kind]};`
    }),
    '}',
  ].join('\n')
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}
