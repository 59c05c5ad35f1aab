/** `tsstack graph`: a picture of the stack. */

import { writeFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import { readStack } from '../../daemon/index.ts'
import type { ObservedState } from '../../planner/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { drawDot } from '../graph/dot.ts'
import { drawMermaid } from '../graph/mermaid.ts'
import { pictureOf } from '../graph/picture.ts'
import { drawSvg } from '../graph/svg.ts'
import { addStackOptions } from '../options.ts'
import { print } from '../output.ts'
import { askFor } from '../request.ts'

const FORMATS = { svg: drawSvg, mermaid: drawMermaid, dot: drawDot } as const
type Format = keyof typeof FORMATS

export const graphCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .option('--format <format>', 'svg, mermaid or dot', parseFormat, 'mermaid')
      .option('-o, --output <file>', 'where to; by default standard output')
      .action((flags: GraphFlags) => run((context) => graph(context, flags)))
  },
}

interface GraphFlags {
  readonly format: Format
  readonly output?: string
}

function parseFormat(text: string): Format {
  if (Object.hasOwn(FORMATS, text)) return text as Format
  throw new InvalidArgumentError('it is svg, mermaid or dot.')
}

/** What the file wants, with what runs of it now. */
async function graph({ asking, input }: Context, { format, output }: GraphFlags): Promise<number> {
  const { desired } = await readStack(input())
  const request = { kind: 'observe', input: input(), services: [] } as const
  const { observed } = await askFor(asking, request, 'observed').catch(() => NOTHING)
  const text = FORMATS[format](pictureOf(desired, observed))
  if (output === undefined) print(text)
  else writeFileSync(output, `${text}\n`)
  return 0
}

const NOTHING: { readonly observed: ObservedState } = {
  observed: { stack: '', containers: [], networks: [], volumes: [] },
}
