/** Diagnostics for machines: JSON, and SARIF 2.1.0 for code scanning. */
import type { Diagnostic, RelatedPlace } from '../../errors.ts'

/** A JSON object with a list; absent fields are left out. */
export function diagnosticsJson(diagnostics: readonly Diagnostic[]): string {
  return `${JSON.stringify({ diagnostics }, undefined, 2)}\n`
}

/**
 * One SARIF run. `version` is tsstack's own. A finding about no place, such as a missing file, is
 * one about the first line of the first file that others are about: code scanning services refuse
 * results without a location.
 */
export function diagnosticsSarif(diagnostics: readonly Diagnostic[], version: string): string {
  const rules = [...new Set(diagnostics.map(({ rule }) => rule))].sort()
  const fallback = diagnostics.find(({ file }) => file !== undefined)?.file ?? USUAL_FILE
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'tsstack', version, rules: rules.map((id) => ({ id })) } },
        columnKind: 'utf16CodeUnits',
        results: diagnostics.map((each) => result(each, fallback)),
      },
    ],
  }
  return `${JSON.stringify(log, undefined, 2)}\n`
}

const USUAL_FILE = 'compose.yaml'

function result(diagnostic: Diagnostic, fallback: string): Record<string, unknown> {
  const { rule, severity, message, hint, file = fallback, related = [] } = diagnostic
  const text = hint === undefined ? message : `${message} (${hint})`
  const location = {
    physicalLocation: { artifactLocation: artifact(file), region: region(diagnostic) },
  }
  return {
    ruleId: rule,
    level: severity,
    message: { text },
    locations: [location],
    ...(related.length === 0 ? {} : { relatedLocations: related.map(relatedLocation) }),
  }
}

function relatedLocation({ message, file, line, column }: RelatedPlace): unknown {
  const region = { startLine: line, startColumn: column }
  return {
    message: { text: message },
    physicalLocation: { artifactLocation: artifact(file), region },
  }
}

/** A path as a URI: others read `#`, `%` and blanks of a name in their own way. */
function artifact(file: string): { readonly uri: string } {
  const uri = file.split('/').map(encodeURIComponent).join('/')
  return { uri: file.startsWith('/') ? `file://${uri}` : uri }
}

function region({ line, column, length }: Diagnostic): Record<string, number> {
  if (line === undefined || column === undefined) return { startLine: 1 }
  return { startLine: line, startColumn: column, endColumn: column + (length ?? 1) }
}
