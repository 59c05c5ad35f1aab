/** The keys known at a path, for did-you-mean: read off the schema itself. */
import * as z from 'zod'
import { stackSchema } from './stack.ts'

export function knownKeys(path: readonly (string | number)[]): readonly string[] {
  let schemas: readonly z.ZodType[] = [stackSchema.zod]
  for (const part of path) schemas = schemas.flatMap(alternatives).flatMap((at) => step(at, part))
  return schemas.flatMap(alternatives).flatMap((schema) => {
    return schema instanceof z.ZodObject ? Object.keys(schema.shape) : []
  })
}

function alternatives(schema: z.ZodType): readonly z.ZodType[] {
  if (schema instanceof z.ZodOptional) return alternatives(schema.unwrap() as z.ZodType)
  if (schema instanceof z.ZodUnion) return (schema.options as z.ZodType[]).flatMap(alternatives)
  return [schema]
}

function step(schema: z.ZodType, part: string | number): readonly z.ZodType[] {
  if (schema instanceof z.ZodObject) {
    const inner = (schema.shape as Record<string, z.ZodType>)[String(part)]
    return inner === undefined ? [] : [inner]
  }
  if (schema instanceof z.ZodRecord) return [schema.valueType as z.ZodType]
  return schema instanceof z.ZodArray ? [schema.element as z.ZodType] : []
}
