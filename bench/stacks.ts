/** Stacks of many sleeping services, for the commands to work on. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface BenchStack {
  readonly directory: string
  readonly image: string
  readonly count: number
  readonly name?: string
}

/** Writes a stack of `count` services that sleep on one network; returns the file's path. */
export function writeStack(stack: BenchStack): string {
  const { directory, image, count, name = `bench${count}` } = stack
  const folder = join(directory, name)
  mkdirSync(folder, { recursive: true })
  const services = Array.from({ length: count }, (_, index) =>
    [
      `  s${index + 1}:`,
      `    image: '${image}'`,
      '    command: [/bin/sleep, "100000"]',
      '    stop_signal: SIGKILL',
    ].join('\n'),
  )
  const file = join(folder, 'stack.yaml')
  writeFileSync(file, `name: ${name}\nservices:\n${services.join('\n')}\n`)
  return file
}
