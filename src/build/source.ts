/** Texts that instructions come from, and mistakes in them as diagnostics. */

import { type Diagnostic, DockerfileError } from '../errors.ts'
import { Problem } from './dockerfile/problem.ts'
import { findingIn, type Finding, type Statement } from './dockerfile/statement.ts'

/** A Dockerfile, or the ONBUILD of a base image. */
export interface SourceText {
  /** As diagnostics show it. */
  readonly name: string
  readonly text: string
}

/** Does `work`; what it finds wrong is placed at the statement, and said of the file. */
export async function placedAt<Result>(
  place: { readonly source: SourceText; readonly statement: Statement },
  work: () => Promise<Result> | Result,
): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw dockerfileError('BUILD', place.source, [findingIn(place.statement, error)])
  }
}

export function dockerfileError(
  code: 'INVALID_DOCKERFILE' | 'BUILD',
  source: SourceText,
  findings: readonly Finding[],
): DockerfileError {
  const diagnostics = findings.map((finding) => diagnosticOf(source, finding))
  return new DockerfileError(code, diagnostics, new Map([[source.name, source.text]]))
}

function diagnosticOf(source: SourceText, finding: Finding): Diagnostic {
  return { rule: 'dockerfile', file: source.name, ...finding }
}
