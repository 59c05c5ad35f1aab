/** A whole Dockerfile: its global ARGs and its stages. */

import type { From, Instruction } from './instruction.ts'
import { Problem } from './problem.ts'
import { readInstruction } from './read-instruction.ts'
import { findingIn, type Finding, readStatements } from './statement.ts'

export interface Dockerfile {
  readonly globalArgs: readonly Extract<Instruction, { kind: 'arg' }>[]
  readonly stages: readonly Stage[]
  readonly warnings: readonly Finding[]
}

export interface Stage {
  /** From 0, as in `COPY --from=0`. */
  readonly index: number
  readonly from: Instruction & From
  readonly instructions: readonly Instruction[]
}

/** The file, or every mistake in it. */
export function parseDockerfile(
  text: string,
): { readonly dockerfile: Dockerfile } | { readonly findings: readonly Finding[] } {
  const { statements, findings } = readStatements(text)
  const instructions: Instruction[] = []
  const found: Finding[] = [...findings]
  for (const statement of statements) {
    try {
      instructions.push(readInstruction(statement))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      found.push(findingIn(statement, error))
    }
  }
  const sorted = inStages(instructions, found)
  if (found.some(({ severity }) => severity === 'error')) return { findings: found }
  if (sorted.stages.length === 0) return { findings: [...found, noInstruction()] }
  return { dockerfile: { ...sorted, warnings: found } }
}

function inStages(
  instructions: readonly Instruction[],
  found: Finding[],
): Pick<Dockerfile, 'globalArgs' | 'stages'> {
  const globalArgs: Extract<Instruction, { kind: 'arg' }>[] = []
  const stages: { index: number; from: Instruction & From; instructions: Instruction[] }[] = []
  for (const instruction of instructions) {
    const stage = stages.at(-1)
    if (instruction.kind === 'from') {
      stages.push({ index: stages.length, from: instruction, instructions: [] })
    } else if (stage) stage.instructions.push(instruction)
    else if (instruction.kind === 'arg') globalArgs.push(instruction)
    else if (!found.some(({ severity }) => severity === 'error'))
      found.push(beforeFrom(instruction))
  }
  return { globalArgs, stages }
}

function beforeFrom({ statement }: Instruction): Finding {
  const message = `Cannot use ${statement.keyword} here: no FROM comes before it`
  const hint = 'begin with FROM IMAGE, or FROM scratch; only ARG may stand before it'
  return findingIn(statement, new Problem(message, { hint }))
}

function noInstruction(): Finding {
  return {
    severity: 'error',
    message: 'Cannot build the Dockerfile: it has no instruction',
    hint: 'begin with FROM IMAGE',
    line: 1,
    column: 1,
    length: 1,
  }
}
