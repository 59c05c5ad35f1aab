import { expect, test } from 'vitest'
import { drawDot } from '../../src/cli/graph/dot.ts'
import { drawMermaid } from '../../src/cli/graph/mermaid.ts'
import type { Picture } from '../../src/cli/graph/picture.ts'
import { drawSvg } from '../../src/cli/graph/svg.ts'

const picture: Picture = {
  stack: 'shop',
  services: [
    { name: 'db', state: '1 of 1 running', mood: 'good', ports: [] },
    { name: 'web', state: '1 of 2 running', mood: 'bad', ports: ['8080→80'] },
  ],
  networks: [{ name: 'back', remark: 'internal' }],
  volumes: ['data'],
  edges: [
    { kind: 'needs', from: 'web', to: 'db' },
    { kind: 'attached', from: 'db', to: 'back' },
    { kind: 'mounts', from: 'db', to: 'data' },
  ],
}

test('drawMermaid() has a node for each thing and a line for each relation', () => {
  expect(drawMermaid(picture).split('\n')).toEqual([
    'flowchart LR',
    '  s0["db<br/>1 of 1 running"]',
    '  s1["web<br/>1 of 2 running<br/>8080→80"]',
    '  n2(["back<br/>internal"])',
    '  v3[("data")]',
    '  s1 --> s0',
    '  s0 --- n2',
    '  s0 -.- v3',
  ])
})

test('drawDot() quotes what a name may hold', () => {
  const odd = { ...picture, stack: 'a"b\\c' }
  expect(drawDot(odd)).toContain('digraph "a\\"b\\\\c" {')
  expect(drawDot(picture)).toContain('"service web" -> "service db";')
})

test('drawSvg() places what is needed to the right, and keeps text inside its boxes', () => {
  const svg = drawSvg(picture)
  const x = (text: string) => Number(new RegExp(`<text x="(\\d+)"[^>]*>${text}<`).exec(svg)?.[1])
  expect(x('web')).toBeLessThan(x('db'))
  expect(x('db')).toBeLessThan(x('network back'))
  const long = { ...picture, volumes: ['<v>'.repeat(40)] }
  expect(drawSvg(long)).toMatch(/>volume &lt;v&gt;.{20,120}…</)
})

const service = (name: string) => ({ name, state: 'running', mood: 'good', ports: [] }) as const

test('drawSvg() cuts no usual name, and leads no line behind a box', () => {
  const chain = ['a-service-with-a-long-name', 'second', 'third']
  const svg = drawSvg({
    stack: 'long',
    services: chain.map(service),
    networks: [{ name: 'one', remark: '' }],
    volumes: ['a-volume-whose-name-is-rather-long'],
    edges: [
      ...chain.slice(1).map((to, at) => ({ kind: 'needs', from: chain[at] ?? '', to }) as const),
      ...chain.map((from) => ({ kind: 'attached', from, to: 'one' }) as const),
      ...chain.map((from) => {
        return { kind: 'mounts', from, to: 'a-volume-whose-name-is-rather-long' } as const
      }),
    ],
  })
  expect(svg).not.toContain('…')
  const numbers = (pattern: RegExp) =>
    [...svg.matchAll(pattern)].map(([, ...found]) => found.map(Number))
  const boxes = numbers(/<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)" rx/g)
  expect(boxes).toHaveLength(5)
  // What goes around others goes down and up between the columns, and below all boxes.
  const around = numbers(/Q([\d.]+) [\d.]+ \1 [\d.]+V([\d.]+)/g)
  expect(around.length).toBeGreaterThan(4)
  for (const [way = 0] of around) {
    for (const [x = 0, , width = 0] of boxes) expect(way < x || way > x + width).toBe(true)
  }
})
