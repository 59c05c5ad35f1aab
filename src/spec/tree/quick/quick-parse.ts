/**
 * Reads the YAML that nearly all stack files are written in, several times faster than the YAML
 * parser, and gives up at the first doubt: then that one reads the file from its beginning.
 */
import { STACK_FILE_ERRORS_MAX } from '../../../limits.ts'
import type { Finding, Report } from '../../diagnostics/report.ts'
import { Assembly } from '../assembly.ts'
import type { MapNode, Source } from '../node.ts'
import { PlainParser } from './parser.ts'
import { Doubt } from './scanner.ts'

/** Carriage returns, byte-order marks, and what the YAML parser takes for marks of its own. */
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const ODD = /[\0-\x08\x0b-\x1f\ufeff]/

/** Thrown when a file has more errors than anybody reads: nothing else of it matters. */
class Hopeless extends Error {}

/**
 * The one mapping of the text; undefined when it may be anything else. Of a text with too many
 * errors, nothing is left.
 */
export function quickParse(source: Source, report: Report): readonly MapNode[] | undefined {
  if (ODD.test(source.text)) return undefined
  const findings: Finding[] = []
  const assembly = new Assembly(source, (finding) => {
    findings.push(finding)
    if (findings.length > STACK_FILE_ERRORS_MAX) throw new Hopeless()
  })
  const nodes = parsed(source, assembly)
  if (nodes !== undefined) for (const finding of findings) report.error(finding)
  return nodes
}

function parsed(source: Source, assembly: Assembly): readonly MapNode[] | undefined {
  try {
    return [new PlainParser(source, assembly).parse()]
  } catch (error) {
    if (error instanceof Doubt) return undefined
    if (error instanceof Hopeless) return []
    throw error
  }
}
