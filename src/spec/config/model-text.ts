/** Prints a model as JSON or YAML. */
import type { Plain } from '../tree/plain.ts'
import { yamlText } from './yaml.ts'

export interface ModelTextOptions {
  /** Write `$$` for `$`, so that the output can be loaded again. */
  readonly escapeDollars: boolean
}

export function modelText(
  model: Plain,
  format: 'yaml' | 'json',
  { escapeDollars }: ModelTextOptions,
): string {
  const text = format === 'json' ? `${JSON.stringify(model, undefined, 2)}\n` : yamlText(model)
  return escapeDollars ? text.replaceAll('$', () => '$$') : text
}
