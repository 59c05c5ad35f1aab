/**
 * What the phases need to know about the project, or included project, whose files they work on.
 */
import type { Report } from '../diagnostics/report.ts'
import type { PhaseOptions } from '../request.ts'
import type { MapNode, Node } from '../tree/node.ts'
import type { Path } from '../schema/validate.ts'
import type { FileReader } from './reader.ts'

export interface FileContext {
  readonly report: Report
  readonly reader: FileReader
  readonly phases: PhaseOptions
  /** Project folder, absolute. */
  readonly directory: string
  /** The same, relative to the including project; undefined: leave relative paths as they are. */
  readonly base: string | undefined
  /** Variables for interpolation. */
  readonly environment: ReadonlyMap<string, string>
  readonly home: string | undefined
  /** Files that led here by `include`, the outermost first. */
  readonly including: readonly string[]
  /** Paths that violated the schema and were taken out. */
  readonly wrong: Path[]
  /** Files parsed already, by path. */
  readonly documents: Map<string, readonly MapNode[]>
  /** Files read for `extends` already. */
  readonly extended: Map<
    string,
    { readonly path: string; readonly services: MapNode; readonly done: Map<string, Node> }
  >
}
