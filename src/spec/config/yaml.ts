/** Prints plain values as YAML that any reader, 1.1 or 1.2, takes for the same values. */
import { Document, visit } from 'yaml'
import type { Plain } from '../tree/plain.ts'
import { resolvePlain } from '../tree/scalar.ts'

/**
 * Strings that some reader takes for something else: `yes`, `<<`, and what begins like a number.
 */
const DOUBTFUL = /^(?:y|n|yes|no|on|off|<<|=|[-+.]?\d.*)$/is

export function yamlText(value: Plain): string {
  const document = new Document(value, { version: '1.2', aliasDuplicateObjects: false })
  visit(document, {
    Scalar: (_, scalar) => {
      if (typeof scalar.value !== 'string') return
      const isDoubtful = DOUBTFUL.test(scalar.value) || resolvePlain(scalar.value).type !== 'string'
      if (isDoubtful) scalar.type = 'QUOTE_DOUBLE'
    },
  })
  return document.toString({ lineWidth: 0, indentSeq: true, directives: false })
}
