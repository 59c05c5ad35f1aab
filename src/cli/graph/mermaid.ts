/** A picture as Mermaid, which GitHub and many editors draw. Pure. */

import type { Edge, Picture } from './picture.ts'

export function drawMermaid(picture: Picture): string {
  const ids = new Map<string, string>()
  const id = (kind: string, name: string): string => {
    const key = `${kind} ${name}`
    const known = ids.get(key) ?? `${kind}${ids.size}`
    ids.set(key, known)
    return known
  }
  const target = ({ kind, to }: Edge): string =>
    id(({ needs: 's', attached: 'n', mounts: 'v' } as const)[kind], to)
  return [
    'flowchart LR',
    ...picture.services.map(({ name, state, ports }) => {
      const label = [name, state, ...ports].map(escaped).join('<br/>')
      return `  ${id('s', name)}["${label}"]`
    }),
    ...picture.networks.map(({ name, remark }) => {
      const label = [name, remark].filter((word) => word !== '').map(escaped)
      return `  ${id('n', name)}(["${label.join('<br/>')}"])`
    }),
    ...picture.volumes.map((name) => `  ${id('v', name)}[("${escaped(name)}")]`),
    ...picture.edges.map((edge) => {
      const arrow = edge.kind === 'needs' ? '-->' : edge.kind === 'attached' ? '---' : '-.-'
      return `  ${id('s', edge.from)} ${arrow} ${target(edge)}`
    }),
  ].join('\n')
}

/** Entities, so that no name ends the label. */
function escaped(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N} ._,:/→()-]/gu, (one) => `#${one.codePointAt(0)};`)
}
