/** Writes `docs/compose-support.md`: every key of the schema and what becomes of it. */
import * as z from 'zod'
import { stackSchema } from '../schema/stack.ts'
import { built, type Support } from './support.ts'
import { SUPPORT } from './table.ts'

const INTRODUCTION = `# What tsstack does with each Compose key

This page is written by \`npm run docs\` from \`src/spec/support/table.ts\`; a test compares the
two. Every key of the Compose specification is read, checked and shown by \`tsstack config\`.
**built**: it works. **partly**: some values work, each use of another is a warning. **ignored**:
it has no effect so far, and each use is a warning. **refused**: an error. \`--strict\` turns
warnings into errors. \`*\` is any name or list entry. Keys that begin with \`x-\` are allowed
everywhere; a key that is not in this table is an error.

| key | status | remark |
|---|---|---|
`

export function supportDocument(): string {
  const paths = [...new Set([...keyPaths(stackSchema.zod, []), ...Object.keys(SUPPORT)])]
  const rows = inOrder(paths).map((path) => {
    const { status, remark } = supportOf(path)
    return `| \`${path}\` | ${status} | ${remark.replaceAll('|', '\\|')} |\n`
  })
  return INTRODUCTION + rows.join('')
}

/** Rows of the table that name list items or free names come after their parent. */
function inOrder(paths: readonly string[]): readonly string[] {
  const order = new Map(paths.map((path, index) => [path, index]))
  const rank = (path: string): number => {
    const parent = path.endsWith('.*') ? path.slice(0, -2) : path
    return order.get(parent) ?? 0
  }
  return paths.toSorted((a, b) => rank(a) - rank(b))
}

/** A key below one that is not built is not built either. */
function supportOf(path: string): Support {
  const parts = path.split('.')
  for (let length = parts.length; length > 0; length--) {
    const support = SUPPORT[parts.slice(0, length).join('.')]
    if (support === undefined) continue
    const isOwn = length === parts.length
    return isOwn || support.status === 'ignored' || support.status === 'refused' ? support : built()
  }
  return built()
}

function keyPaths(schema: z.ZodType, path: readonly string[]): readonly string[] {
  if (schema instanceof z.ZodOptional) return keyPaths(schema.unwrap() as z.ZodType, path)
  if (schema instanceof z.ZodUnion) {
    return [...new Set((schema.options as z.ZodType[]).flatMap((each) => keyPaths(each, path)))]
  }
  if (schema instanceof z.ZodRecord) return keyPaths(schema.valueType as z.ZodType, [...path, '*'])
  if (schema instanceof z.ZodArray) return keyPaths(schema.element as z.ZodType, [...path, '*'])
  if (!(schema instanceof z.ZodObject)) return []
  return Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([key, child]) => {
    const here = [...path, key]
    return [here.join('.'), ...keyPaths(child, here)]
  })
}
