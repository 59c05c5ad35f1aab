/**
 * A picture as SVG: services on the left in the order of their dependencies, networks and volumes
 * on
 * the right. Pure.
 */

import type { Edge, Picture, ServiceBox } from './picture.ts'

/** Pixels. */
const WIDTH = { box: 210, boxMax: 420, gap: 90, margin: 24 } as const
const LINE = 17
const PADDING = 12
const SPACE = 22
/** Of a letter of 13 pixels' height, in wide fonts: others leave a little room. */
const LETTER = { bold: 9, plain: 8 } as const
const TITLE_HEIGHT = 44

const COLORS = { good: '#2e7d32', bad: '#c62828', waiting: '#ef8f00', unknown: '#757575' } as const

interface Box {
  readonly id: string
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly lines: readonly string[]
  readonly color: string
  readonly fill: string
  readonly round: number
}

export function drawSvg(picture: Picture): string {
  const boxes = layOut(picture)
  const width = Math.max(...boxes.map((box) => box.x + box.width), WIDTH.box) + WIDTH.margin
  const byId = new Map(boxes.map((box) => [box.id, box]))
  const lanes = new Lanes(Math.max(...boxes.map((box) => box.y + box.height), TITLE_HEIGHT))
  const lines = picture.edges.flatMap((edge) => {
    const from = byId.get(`service ${edge.from}`)
    const to = byId.get(targetOf(edge))
    return from && to ? [drawEdge(edge, pathOf(from, to, lanes))] : []
  })
  const height = lanes.bottom + WIDTH.margin
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
      `viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">`,
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" ' +
      'markerHeight="7" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="#555"/>' +
      '</marker></defs>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${WIDTH.margin}" y="29" font-size="17" font-weight="bold" fill="#222">` +
      `${escaped(picture.stack)}</text>`,
    ...lines,
    ...boxes.map(drawBox),
    '</svg>',
  ].join('\n')
}

/** Columns of services by how much they need, then one of networks and volumes. */
function layOut(picture: Picture): readonly Box[] {
  const depths = depthsOf(picture)
  const columns = Math.max(...depths.values(), 0) + 1
  const services = Array.from({ length: columns }, (_, column) =>
    picture.services.filter(({ name }) => depths.get(name) === columns - 1 - column).map(ofService),
  )
  const others = [
    ...picture.networks.map(({ name, remark }) => ({
      id: `network ${name}`,
      lines: [`network ${name}`, ...(remark === '' ? [] : [remark])],
      color: '#1565c0',
      fill: '#e8f1fb',
      round: 18,
    })),
    ...picture.volumes.map((name) => ({
      id: `volume ${name}`,
      lines: [`volume ${name}`],
      color: '#6a1b9a',
      fill: '#f5ecf9',
      round: 4,
    })),
  ]
  let x: number = WIDTH.margin
  return [...services, others].flatMap((column) => {
    const boxes = stack(column, x)
    x += (boxes[0]?.width ?? 0) + WIDTH.gap
    return boxes
  })
}

type Unplaced = Omit<Box, 'x' | 'y' | 'width' | 'height'>

function ofService({ name, state, ports, mood }: ServiceBox): Unplaced {
  const lines = [name, state, ...ports]
  return { id: `service ${name}`, lines, color: COLORS[mood], fill: '#fafafa', round: 6 }
}

/** One below the other, and as wide as the longest of what they say. */
function stack(boxes: readonly Unplaced[], x: number): readonly Box[] {
  const needed = boxes.flatMap(({ lines }) => lines.map((line, at) => widthOf(line, at)))
  const width = Math.min(Math.max(WIDTH.box, ...needed), WIDTH.boxMax)
  let y = TITLE_HEIGHT
  return boxes.map((box) => {
    const height = box.lines.length * LINE + 2 * PADDING - 4
    const placed = { ...box, x, y, width, height }
    y += height + SPACE
    return placed
  })
}

/** How many services each needs one after the other; circles end where they began. */
function depthsOf({ services, edges }: Picture): ReadonlyMap<string, number> {
  const needs = edges.filter(({ kind }) => kind === 'needs')
  const depths = new Map<string, number>()
  const depthOf = (name: string, seen: readonly string[]): number => {
    const known = depths.get(name)
    if (known !== undefined) return known
    const below = needs
      .filter(({ from, to }) => from === name && !seen.includes(to))
      .map(({ to }) => depthOf(to, [...seen, name]) + 1)
    const depth = Math.max(0, ...below)
    depths.set(name, depth)
    return depth
  }
  for (const { name } of services) depthOf(name, [])
  return depths
}

function targetOf({ kind, to }: Edge): string {
  return `${{ needs: 'service', attached: 'network', mounts: 'volume' }[kind]} ${to}`
}

/** The first line is bold. */
const letterOf = (at: number): number => (at === 0 ? LETTER.bold : LETTER.plain)

const widthOf = (line: string, at: number): number => line.length * letterOf(at) + 2 * PADDING

function drawBox({ x, y, width, height, lines, color, fill, round }: Box): string {
  const texts = lines.map((line, at) => {
    const weight = at === 0 ? ' font-weight="bold"' : ''
    const shade = at === 1 ? color : '#222'
    const top = y + PADDING + LINE * at + 9
    const text = escaped(fitting(line, Math.floor((width - 2 * PADDING) / letterOf(at))))
    return `<text x="${x + PADDING}" y="${top}"${weight} fill="${shade}">${text}</text>`
  })
  return [
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${round}" ` +
      `fill="${fill}" stroke="${color}" stroke-width="1.6"/>`,
    ...texts,
  ].join('\n')
}

interface Lane {
  readonly y: number
  /** Counts the lanes. */
  readonly number: number
}

/** Room below all boxes for lines that would otherwise pass behind those between their ends. */
class Lanes {
  bottom: number
  readonly #lanes = new Map<string, Lane>()

  constructor(bottom: number) {
    this.bottom = bottom
  }

  /** One for all that lead from one column to one box: fewer lines are easier to follow. */
  take(from: Box, to: Box): Lane {
    const key = `${from.x} ${to.id}`
    const known = this.#lanes.get(key)
    if (known) return known
    this.bottom += LANE
    const lane = { y: this.bottom, number: this.#lanes.size }
    this.#lanes.set(key, lane)
    return lane
  }
}

const LANE = 11
const BEND = 44
/** Ways up and down between two columns: so far apart, and so many before they begin anew. */
const WAY = { apart: 7, count: 10 } as const
const CORNER = 6

function pathOf(from: Box, to: Box, lanes: Lanes): string {
  const x1 = from.x + from.width
  const y1 = from.y + from.height / 2
  const y2 = to.y + to.height / 2
  if (to.x - x1 <= WIDTH.gap) {
    return `M${x1} ${y1}C${x1 + BEND} ${y1} ${to.x - BEND} ${y2} ${to.x} ${y2}`
  }
  const { y, number } = lanes.take(from, to)
  const offset = 2 * CORNER + (number % WAY.count) * WAY.apart
  const [down, up] = [x1 + offset, to.x - offset]
  return (
    `M${x1} ${y1}H${down - CORNER}Q${down} ${y1} ${down} ${y1 + CORNER}` +
    `V${y - CORNER}Q${down} ${y} ${down + CORNER} ${y}` +
    `H${up - CORNER}Q${up} ${y} ${up} ${y - CORNER}` +
    `V${y2 + CORNER}Q${up} ${y2} ${up + CORNER} ${y2}H${to.x}`
  )
}

function drawEdge({ kind }: Edge, path: string): string {
  const style = {
    needs: 'stroke="#555" marker-end="url(#arrow)"',
    attached: 'stroke="#1565c0"',
    mounts: 'stroke="#6a1b9a" stroke-dasharray="5 4"',
  }[kind]
  return `<path d="${path}" fill="none" stroke-width="1.4" ${style}/>`
}

function fitting(text: string, letters: number): string {
  return text.length <= letters ? text : `${text.slice(0, letters - 1)}…`
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  }
  return text.replaceAll(/[&<>"]/g, (one) => entities[one] ?? one).replaceAll(/\p{Cc}/gu, ' ')
}
