/** What is in the way of a plan, with its places in the stack files. */

import { placeProblems, RemoteError } from '../daemon/index.ts'
import type { Request, StackInput } from '../daemon/index.ts'
import type { WireError } from '../daemon/index.ts'

/** `error` as it is shown: what the supervisor said, found in the files that `request` means. */
export async function placed(error: unknown, request: Request): Promise<unknown> {
  if (!(error instanceof RemoteError) || error.problems.length === 0) return error
  if (error.rendered !== undefined) return error
  const { name, code, message, problems } = error
  return new RemoteError(await placedWire({ name, code, message, problems }, request))
}

export async function placedWire(error: WireError, request: Request): Promise<WireError> {
  const { problems = [] } = error
  const input = inputOf(request)
  if (problems.length === 0 || input === undefined || error.rendered !== undefined) return error
  const { rendered } = await placeProblems(input, problems)
  const message = problems.length === 1 ? error.message : inTheWay(problems.length)
  // Each has its own cure beside it.
  const { hint: _, ...rest } = error
  return { ...rest, message, rendered }
}

/** The closing line, below what they are. */
export function inTheWay(count: number): string {
  return `Cannot begin: ${count} things are in the way; nothing was changed`
}

function inputOf(request: Request): StackInput | undefined {
  if ('input' in request) return request.input
  if (!('source' in request) || request.source.kind !== 'files') return undefined
  return request.source.input
}
