/** Plans that are kept in a file: agreed to now, carried out later, or not at all. */

import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import type { StackInput } from '../daemon/index.ts'
import { UsageError, errorText } from '../errors.ts'
import type { Plan, PlanOptions } from '../planner/index.ts'

export interface PlanFile {
  readonly tsstackPlan: 1
  readonly madeAt: string
  /** Where the stack files are; variables are those of whoever applies it. */
  readonly input: Omit<StackInput, 'env'>
  readonly options: PlanOptions
  readonly plan: Plan
}

/** Readable by its owner alone, also where a file was before: variables of containers are in it. */
export function writePlanFile(path: string, file: PlanFile): void {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) chmodSync(path, 0o600)
    writeFileSync(path, `${JSON.stringify(file, undefined, 2)}\n`, { mode: 0o600 })
  } catch (cause) {
    throw new UsageError(`Cannot write the plan to "${path}": ${errorText(cause)}`, { cause })
  }
}

/** Undefined when `path` is no file, and so the name of a service. */
export function readPlanFile(path: string): PlanFile | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined
  try {
    const file = JSON.parse(readFileSync(path, 'utf8')) as Partial<PlanFile>
    if (file.tsstackPlan === 1 && file.plan && file.input && file.options) return file as PlanFile
  } catch {
    // Said below, whatever it is.
  }
  throw new UsageError(`Cannot read the plan in "${path}": it is none of tsstack's`, {
    hint: 'write one with: tsstack plan -o FILE',
  })
}
