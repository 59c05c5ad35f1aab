/** Turns a statement into an instruction, or says what is wrong with it. */

import { didYouMean } from '../../planner/index.ts'
import { readArg, readPairs, readShell, readValue, readValues } from './read-values.ts'
import { readCommand, readRun } from './read-command.ts'
import { readCopy } from './read-copy.ts'
import { readFrom } from './read-from.ts'
import { readHealthcheck } from './read-healthcheck.ts'
import type { Instruction, InstructionBody } from './instruction.ts'
import { Problem } from './problem.ts'
import type { Statement } from './statement.ts'

type Reader = (statement: Statement) => InstructionBody

const READERS: Readonly<Record<string, Reader>> = {
  FROM: readFrom,
  RUN: readRun,
  COPY: readCopy('copy'),
  ADD: readCopy('add'),
  ENV: readPairs('env'),
  LABEL: readPairs('label'),
  ARG: readArg,
  WORKDIR: readValue('workdir'),
  USER: readValue('user'),
  STOPSIGNAL: readValue('stopsignal'),
  MAINTAINER: readValue('maintainer'),
  EXPOSE: readValues('expose'),
  VOLUME: readValues('volume'),
  CMD: readCommand('cmd'),
  ENTRYPOINT: readCommand('entrypoint'),
  SHELL: readShell,
  HEALTHCHECK: readHealthcheck,
  ONBUILD: readOnbuild,
}

/** @throws {Problem} */
export function readInstruction(statement: Statement): Instruction {
  const { keyword } = statement
  const reader = Object.hasOwn(READERS, keyword) ? READERS[keyword] : undefined
  if (reader === undefined) {
    const guess = didYouMean(keyword, Object.keys(READERS))
    throw new Problem(`Cannot build "${keyword}": there is no such instruction`, {
      hint: guess === undefined ? 'see the Dockerfile reference' : `did you mean ${guess}?`,
    })
  }
  return { statement, ...reader(statement) }
}

/** Read now, so that a mistake is found here and not by whoever builds on the image. */
function readOnbuild(statement: Statement): InstructionBody {
  const { args, heredocs } = statement
  const keyword = /^\w+/u.exec(args.text)?.[0].toUpperCase() ?? ''
  if (keyword === '') {
    throw new Problem('Cannot use ONBUILD: no instruction follows', {
      hint: 'write one: ONBUILD COPY . /app',
    })
  }
  if (['ONBUILD', 'FROM', 'MAINTAINER'].includes(keyword)) {
    throw new Problem(`Cannot use ${keyword} in ONBUILD`, { span: args })
  }
  const bodies = heredocs.map(({ body, name }) => `\n${body}${name}`)
  return { kind: 'onbuild', trigger: [args.text, ...bodies].join('') }
}
