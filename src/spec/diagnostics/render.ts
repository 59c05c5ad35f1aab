/** Shows diagnostics to a person: the message, its place, the line with a caret, and the cure. */
import type { Diagnostic } from '../../errors.ts'
import type { Sources } from '../request.ts'
import { relatedLines } from './ancestry.ts'
import { grouped } from './group.ts'

export interface RenderOptions {
  readonly color?: boolean | undefined
}

/** Places of what says the same that are shown. */
const PLACES_MAX = 20

/** Characters of a source line that are shown. */
const LINE_WIDTH_MAX = 120

/**
 * One block for each diagnostic:
 *
 *     stack.yaml:3:5: error: Cannot use the key "imge" in services.web […]
 *       3 |     imge: nginx
 *         |     ^^^^ did you mean "image"?
 *
 * Further ones of the same rule are one line each; what says the same is shown once, with its
 * other places.
 */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: Sources,
  options: RenderOptions = {},
): string {
  const paint = options.color === true ? painted : plain
  return grouped(diagnostics)
    .map(({ first, others, isBrief }) => {
      const text = isBrief ? briefly(first, paint) : render(first, sources, paint)
      return text + othersText(first, others)
    })
    .join('')
}

function othersText(first: Diagnostic, others: readonly Diagnostic[]): string {
  if (others.length === 0) return ''
  const places = others.slice(0, PLACES_MAX).map(({ file, line, column }) => {
    const at = `${line ?? ''}:${column ?? ''}`
    return file === first.file ? at : `${file ?? ''}:${at}`
  })
  const rest = others.length > PLACES_MAX ? ', …' : ''
  return `  … and ${others.length} more like this, at ${places.join(', ')}${rest}\n`
}

type Paint = (text: string, code: string) => string

const painted: Paint = (text, code) => `\u001b[${code}m${text}\u001b[0m`
const plain: Paint = (text) => text

function render(diagnostic: Diagnostic, sources: Sources, paint: Paint): string {
  const { hint } = diagnostic
  const head = `${headOf(diagnostic, paint)}\n`
  const excerpt = excerptOf(diagnostic, sources, paint)
  const cure = hint === undefined ? '' : `  ${paint(hint, '36')}\n`
  const related = relatedLines(diagnostic.related).map((line) => `  ${line}\n`)
  return head + (excerpt ?? cure) + related.join('')
}

function briefly(diagnostic: Diagnostic, paint: Paint): string {
  const { hint } = diagnostic
  const tail = hint === undefined ? '' : `; ${paint(hint, '36')}`
  return `${headOf(diagnostic, paint)}${tail}\n`
}

function headOf({ severity, message, file, line, column }: Diagnostic, paint: Paint): string {
  const at = [file, line, column].filter((part) => part !== undefined).join(':')
  const word = paint(severity, severity === 'error' ? '1;31' : '1;33')
  return `${at === '' ? '' : `${paint(at, '1')}: `}${word}: ${message}`
}

function excerptOf(diagnostic: Diagnostic, sources: Sources, paint: Paint): string | undefined {
  const { file = '', line, column = 1, length = 1, hint } = diagnostic
  const text = line === undefined ? undefined : sources.get(file)?.split('\n')[line - 1]
  if (text === undefined || line === undefined) return undefined
  const shown = visible(text)
  const from = column > LINE_WIDTH_MAX ? column - LINE_WIDTH_MAX / 2 : 0
  const cut = shown.slice(from, from + LINE_WIDTH_MAX)
  const gutter = String(line)
  const blank = ' '.repeat(gutter.length)
  const indent = ' '.repeat(Math.max(0, column - 1 - from))
  const carets = '^'.repeat(Math.max(1, Math.min(length, cut.length - indent.length)))
  const tail = hint === undefined ? '' : ` ${hint}`
  const mark = paint(carets + tail, '36')
  return `  ${paint(`${gutter} |`, '2')} ${cut}\n  ${paint(`${blank} |`, '2')} ${indent}${mark}\n`
}

/** Control characters would move the cursor: each becomes one blank or mark. */
function visible(line: string): string {
  return line
    .replace(/\r$/, '')
    .replaceAll('\t', ' ')
    .replaceAll(/\p{Cc}/gu, '·')
}
