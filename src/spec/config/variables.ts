/** `config --variables`: the variables that a stack file asks for. */
import { variablesOf } from '../interpolate/template.ts'
import type { LoadedTree } from '../load.ts'
import type { Node } from '../tree/node.ts'
import { modelText } from './model-text.ts'

interface Wanted {
  readonly name: string
  readonly required: boolean
  readonly defaultValue: string
  readonly alternateValue: string
}

const HEADER = ['NAME', 'REQUIRED', 'DEFAULT VALUE', 'ALTERNATE VALUE']

export function variablesText(
  { tree }: LoadedTree,
  { format }: { readonly format?: 'yaml' | 'json' | undefined },
): string {
  const found = new Map<string, Wanted>()
  collect(tree, found)
  const wanted = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  if (format !== undefined) {
    const model = Object.fromEntries(
      wanted.map(({ name, required, defaultValue, alternateValue }) => [
        name,
        { name, required, defaultValue, alternateValue },
      ]),
    )
    return modelText(model, format, { escapeDollars: false })
  }
  return table([
    HEADER,
    ...wanted.map((each) => [
      each.name,
      String(each.required),
      each.defaultValue,
      each.alternateValue,
    ]),
  ])
}

function collect(node: Node, into: Map<string, Wanted>): void {
  if (node.kind === 'map') for (const { value } of node.entries.values()) collect(value, into)
  if (node.kind === 'list') for (const item of node.items) collect(item, into)
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return
  for (const { name, operator, word } of variablesOf(node.value)) {
    into.set(name, {
      name,
      required: operator.endsWith('?'),
      defaultValue: operator.endsWith('-') ? word : '',
      alternateValue: operator.endsWith('+') ? word : '',
    })
  }
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = HEADER.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('')
}
