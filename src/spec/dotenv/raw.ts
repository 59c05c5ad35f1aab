/**
 * `format: raw` of an env_file: each line is `NAME=value` as it stands, without quotes and
 * variables.
 */
import type { Report } from '../diagnostics/report.ts'
import type { Lookup } from '../interpolate/template.ts'
import type { Source } from '../tree/node.ts'

export function parseRawEnv(
  source: Source,
  into: Map<string, string>,
  { lookup, report }: { readonly lookup: Lookup; readonly report: Report },
): void {
  let start = 0
  for (const line of source.text.replace(/^\uFEFF/, '\u200b').split('\n')) {
    const place = { source, start, end: start + line.length }
    start += line.length + 1
    const statement = line.replace('\u200b', '').replace(/\r$/, '').trimStart()
    if (statement === '' || statement.startsWith('#')) continue
    const equals = statement.indexOf('=')
    const name = equals === -1 ? statement : statement.slice(0, equals)
    if (name === '' || /\s/.test(name)) {
      report.error({
        rule: 'env-file',
        place,
        message: `Cannot use "${name}" as a variable name: it is empty or contains blanks`,
      })
      continue
    }
    const value = equals === -1 ? lookup(name) : statement.slice(equals + 1)
    if (value !== undefined) into.set(name, value)
  }
}
