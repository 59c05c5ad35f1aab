/**
 * What the phases need to know about the project, or included project, whose files they work on.
 */
import type { Report } from '../diagnostics/report.ts'
import type { PhaseOptions } from '../request.ts'
import type { MapNode, Node } from '../tree/node.ts'
import type { Path } from '../schema/validate.ts'
import type { FileReader } from './reader.ts'

/** By the name of the config or secret. */
export interface IncludedValues {
  readonly configs: Map<string, string>
  readonly secrets: Map<string, string>
}

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
  /** Contents of configs and secrets of included projects that are variables there. */
  readonly includedValues: IncludedValues
  /** Files parsed already, by path. */
  readonly documents: Map<string, readonly MapNode[]>
  /** Files read for `extends` already. */
  readonly extended: Map<
    string,
    { readonly path: string; readonly services: MapNode; readonly done: Map<string, Node> }
  >
}
