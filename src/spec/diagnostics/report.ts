/** Collects what is wrong with the files of one load, so that all of it is shown at once. */
import { type Diagnostic, SpecError } from '../../errors.ts'
import type { Place, Source } from '../tree/node.ts'
import { Ancestry, relatedPlace } from './ancestry.ts'
import { positionOf } from './position.ts'

/** One finding. `rule` is stable: tests and `--format json` name it. */
export interface Finding {
  readonly rule: string
  /** Absent: about no text in particular, such as a missing file. */
  readonly place?: Place | undefined
  readonly file?: string | undefined
  readonly message: string
  readonly hint?: string | undefined
  /** Findings with the same text here are one: the first place is shown. */
  readonly once?: string | undefined
  /** Other places that have to do with it: `"web" publishes it at` one. */
  readonly related?: readonly { readonly message: string; readonly place: Place }[] | undefined
}

export class Report {
  readonly #found = new Map<string, { readonly order: number; readonly diagnostic: Diagnostic }>()
  readonly #sources = new Map<string, Source>()
  readonly #ancestry = new Ancestry()
  #errors = 0

  addSource(source: Source): void {
    if (!this.#sources.has(source.name)) this.#sources.set(source.name, source)
  }

  /** For findings in a file that another file named at `by`. */
  introduced(source: Source, by: Place): void {
    this.#ancestry.introduce(source, by)
  }

  /** For findings at `winner`, which took the place of `earlier`. */
  replaced(winner: Place, earlier: Place): void {
    this.#ancestry.replace(winner, earlier)
  }

  error(finding: Finding): void {
    this.#add('error', finding)
  }

  warn(finding: Finding): void {
    this.#add('warning', finding)
  }

  hasErrors(): boolean {
    return this.#errors > 0
  }

  errorCount(): number {
    return this.#errors
  }

  /** Text by shown name. */
  sources(): ReadonlyMap<string, string> {
    return new Map([...this.#sources].map(([name, source]) => [name, source.text]))
  }

  /** In the order of files, then of lines. */
  diagnostics(): readonly Diagnostic[] {
    const files = [...this.#sources.keys()]
    const rank = (diagnostic: Diagnostic): number =>
      diagnostic.file === undefined ? -1 : files.indexOf(diagnostic.file)
    return [...this.#found.values()]
      .sort(
        (a, b) =>
          rank(a.diagnostic) - rank(b.diagnostic) ||
          (a.diagnostic.line ?? 0) - (b.diagnostic.line ?? 0) ||
          (a.diagnostic.column ?? 0) - (b.diagnostic.column ?? 0) ||
          a.order - b.order,
      )
      .map(({ diagnostic }) => diagnostic)
  }

  /** @throws {SpecError} when there is an error, or in strict mode a warning. */
  throwIfErrors(strict = false): void {
    if (this.#errors === 0 && !(strict && this.#found.size > 0)) return
    const all = this.diagnostics()
    const diagnostics = strict
      ? all.map((diagnostic) => ({ ...diagnostic, severity: 'error' as const }))
      : all
    throw new SpecError(summary(diagnostics), diagnostics, this.sources())
  }

  #add(severity: Diagnostic['severity'], finding: Finding): void {
    const { place } = finding
    const key = keyOf(finding)
    if (this.#found.has(key)) return
    if (severity === 'error') this.#errors += 1
    if (place !== undefined) this.addSource(place.source)
    const others = (finding.related ?? []).map((one) => relatedPlace(one.message, one.place))
    const related = [...others, ...(place === undefined ? [] : this.#ancestry.of(place))]
    const diagnostic = diagnosticOf(severity, finding)
    this.#found.set(key, {
      order: this.#found.size,
      diagnostic: related.length === 0 ? diagnostic : { ...diagnostic, related },
    })
  }
}

/** Findings with one key are one finding. */
function keyOf({ rule, place, file, message, once }: Finding): string {
  if (once !== undefined) return `${rule} ${once}`
  return `${rule} ${place?.source.path ?? file ?? ''} ${place?.start ?? ''} ${message}`
}

function diagnosticOf(severity: Diagnostic['severity'], finding: Finding): Diagnostic {
  const { rule, message, hint, place } = finding
  if (place === undefined) return { severity, rule, message, hint, file: finding.file }
  const { line, column } = positionOf(place.source, place.start)
  const lineEnd = place.source.text.indexOf('\n', place.start)
  const end = Math.min(place.end, lineEnd === -1 ? place.source.text.length : lineEnd)
  const length = Math.max(1, end - place.start)
  return { severity, rule, message, hint, file: place.source.name, line, column, length }
}

function summary(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error')
  const [first] = errors
  if (errors.length === 1 && first !== undefined) return first.message
  return `Cannot load the stack: ${errors.length} errors`
}
