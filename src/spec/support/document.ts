/** Writes `docs/compose-support.md`: every key of the schema and what becomes of it. */
import * as z from 'zod'
import { stackSchema } from '../schema/stack.ts'
import { NOTES, SUPPORT, type Support } from './table.ts'

const INTRODUCTION = `# What tsstack does with each Compose key

This page is written by \`supportDocument()\` in \`src/spec/support\`; a test compares the
two. Every key of the Compose specification is read, checked and shown by \`tsstack
config\`. **built**: it works. **ignored**: it has no effect so far, and each use is a
warning (an error with \`--strict\`). **refused**: an error. \`*\` is any name or list
entry. Keys that begin with \`x-\` are allowed everywhere; a key that is not in this table
is an error.

| key | status | remark |
|---|---|---|
`

export function supportDocument(): string {
  const rows = keyPaths(stackSchema, []).map((path) => {
    const support = supportOf(path)
    const remark = support.status === 'built' ? (NOTES[path] ?? '') : support.reason
    return `| \`${path}\` | ${support.status} | ${remark} |\n`
  })
  return INTRODUCTION + rows.join('')
}

/** A key below one that is not built is not built either. */
function supportOf(path: string): Support {
  const parts = path.split('.')
  for (let length = parts.length; length > 0; length--) {
    const support = SUPPORT[parts.slice(0, length).join('.')]
    if (support !== undefined) return support
  }
  return { status: 'built' }
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
