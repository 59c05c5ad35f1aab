/** JSON Schema of stack files, for editors: what `tsstack schema` prints. */
import * as z from 'zod'
import { stackSchema } from './stack.ts'

/** A draft 2020-12 schema. `x-` keys are allowed in every mapping with fixed keys. */
export function jsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(stackSchema.zod, {
    unrepresentable: 'any',
    reused: 'ref',
    override: ({ jsonSchema: part }) => {
      if (part.additionalProperties === false) part.patternProperties = { '^x-': {} }
    },
  }) as Record<string, unknown>
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'tsstack stack file',
    description:
      'A stack of services in the Compose format. ' +
      'tsstack warns of keys and values without effect; docs/compose-support.md lists them.',
    ...schema,
  }
}
