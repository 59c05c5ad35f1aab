/**
 * The `${…}` language of stack files and env files: `$NAME`, `${NAME}` and the six operators,
 * nested.
 */

export interface Lookup {
  (name: string): string | undefined
}

export interface TemplateEvents {
  /** A variable without value and without default. */
  readonly unset?: (name: string) => void
}

/** Why a template cannot be filled in; `offset` is counted in the template. */
export class TemplateError extends Error {
  readonly offset: number
  readonly kind: 'syntax' | 'required'
  readonly variable: string | undefined

  constructor(
    kind: 'syntax' | 'required',
    message: string,
    at: { offset: number; variable?: string },
  ) {
    super(message)
    this.kind = kind
    this.offset = at.offset
    this.variable = at.variable
  }
}

const NAME = /[_a-zA-Z][_a-zA-Z0-9]*/y
const OPERATOR = /:?[-+?]/y

export interface Variable {
  readonly name: string
  readonly operator: string
  /** What follows the operator. */
  readonly word: string
}

type Part = string | (Variable & { readonly offset: number })

/**
 * Fills in a template. `$$` is a dollar; a `$` that begins no variable stays as it is.
 * @throws {TemplateError} when `${` is not closed or named, or a required variable has no value.
 */
export function substitute(template: string, lookup: Lookup, events: TemplateEvents = {}): string {
  if (!template.includes('$')) return template
  let result = ''
  for (const part of parseTemplate(template)) {
    result += typeof part === 'string' ? part : valueOf(part, lookup, events)
  }
  return result
}

/** Every variable of a template, those in defaults included. */
export function variablesOf(template: string): readonly Variable[] {
  const found: Variable[] = []
  if (!template.includes('$')) return found
  for (const part of parseTemplate(template)) {
    if (typeof part === 'string') continue
    found.push({ name: part.name, operator: part.operator, word: part.word })
    if (part.word !== '') found.push(...variablesOf(part.word))
  }
  return found
}

function parseTemplate(template: string): readonly Part[] {
  const parts: Part[] = []
  let from = 0
  while (from < template.length) {
    const dollar = template.indexOf('$', from)
    if (dollar === -1) break
    if (dollar > from) parts.push(template.slice(from, dollar))
    from = dollar + parseDollar(template, dollar, parts)
  }
  if (from < template.length) parts.push(template.slice(from))
  return parts
}

/**
 * Reads what follows a `$` into `parts`; returns the number of characters it takes, `$` included.
 */
function parseDollar(template: string, dollar: number, parts: Part[]): number {
  const next = template[dollar + 1]
  if (next === '$') {
    parts.push('$')
    return 2
  }
  if (next === '{') return parseBraced(template, dollar, parts)
  NAME.lastIndex = dollar + 1
  const name = NAME.exec(template)?.[0]
  if (name === undefined) {
    parts.push('$')
    return 1
  }
  parts.push({ name, operator: '', word: '', offset: dollar })
  return 1 + name.length
}

function parseBraced(template: string, dollar: number, parts: Part[]): number {
  NAME.lastIndex = dollar + 2
  const name = NAME.exec(template)?.[0]
  const end = closingBrace(template, dollar + 1)
  if (name === undefined || end === -1) {
    const what = end === -1 ? 'it is not closed' : 'a variable name must follow'
    const shown = template.slice(dollar, end === -1 ? undefined : end + 1).split('\n', 1)[0] ?? ''
    throw new TemplateError('syntax', `"${shown}": ${what}; write "$$" for a dollar sign`, {
      offset: dollar,
    })
  }
  const afterName = dollar + 2 + name.length
  OPERATOR.lastIndex = afterName
  const operator = afterName === end ? '' : (OPERATOR.exec(template)?.[0] ?? '')
  if (operator === '' && afterName !== end) {
    throw new TemplateError(
      'syntax',
      `"${template.slice(dollar, end + 1)}": after the name comes one of :- - :+ + :? ?; write "$$" for a dollar sign`,
      { offset: dollar },
    )
  }
  const word = template.slice(afterName + operator.length, end)
  parts.push({ name, operator, word, offset: dollar })
  return end + 1 - dollar
}

/**
 * Offset of the brace that closes the one at `open`; without one that balances, the last of the
 * line; else -1.
 */
function closingBrace(template: string, open: number): number {
  let depth = 0
  let last = -1
  for (let at = open; at < template.length && template[at] !== '\n'; at++) {
    if (template[at] === '{') depth += 1
    else if (template[at] === '}') {
      depth -= 1
      last = at
      if (depth === 0) return at
    }
  }
  return last
}

type Placed = Variable & { readonly offset: number }

function valueOf(part: Placed, lookup: Lookup, events: TemplateEvents): string {
  const { name, operator, word } = part
  const value = lookup(name)
  if (operator === '') {
    if (value === undefined) events.unset?.(name)
    return value ?? ''
  }
  const present = value !== undefined && !(operator.startsWith(':') && value === '')
  const kind = operator.at(-1)
  if (kind === '+') return present ? substitute(word, lookup, events) : (value ?? '')
  if (present) return value
  if (kind === '-') return substitute(word, lookup, events)
  throw missing(part, substitute(word, lookup, events))
}

function missing({ name, offset }: Placed, reason: string): TemplateError {
  const why = reason === '' ? '' : `: ${reason}`
  const message = `the required variable "${name}" has no value${why}`
  return new TemplateError('required', message, { offset, variable: name })
}
