/** What is wrong with one instruction: thrown where it is seen, placed by whoever knows the line. */

/** Offsets into the text of an instruction whose continued lines are joined. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** `message` says what cannot be done and why; without a `span` the whole instruction is meant. */
export class Problem extends Error {
  override readonly name: string = 'Problem'
  readonly span: Span | undefined
  readonly hint: string | undefined

  constructor(
    message: string,
    details: { readonly span?: Span | undefined; readonly hint?: string | undefined } = {},
  ) {
    super(message)
    this.span = details.span
    this.hint = details.hint
  }
}
