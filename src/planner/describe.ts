/** A plan as a person reads it. */

import type { FieldChange, Plan } from './model.ts'
import { withoutSecrets } from './secrets.ts'
import { stepsOf, summaryOf, type Step, type StepChange, type Summary } from './steps.ts'

export interface DescribeOptions {
  /** Signs in colour, by terminal escapes. */
  readonly color?: boolean
}

/**
 * One paragraph per resource, with the reason and each field that differs:
 *
 *     ± container shop-web-1: image changed
 *         image: "host:" → "dir:/srv/web"
 *
 * `+` create, `±` replace, `-` remove, `~` and its verb: what else is done to what exists. Secrets
 * are hidden. No newline at the end.
 */
export function describe(plan: Plan, { color = false }: DescribeOptions = {}): string {
  const steps = stepsOf(plan)
  const paragraphs = [
    steps.map((step) => describeStep(step, color)).join('\n'),
    plan.notes.map((note) => `Note: ${note}`).join('\n'),
    steps.length === 0 ? 'Plan: nothing to change.' : closingLine(summaryOf(steps)),
  ]
  return paragraphs.filter((each) => each !== '').join('\n\n')
}

/**
 * The plan in a few lines, as `up` says it before it does it: what becomes of what exists, and how
 * much is added. '' when there is nothing to do.
 */
export function describeShort(plan: Plan, { color = false }: DescribeOptions = {}): string {
  const steps = stepsOf(plan)
  if (steps.length === 0) return ''
  const touching = steps.filter(({ change }) => change !== 'create' && change !== 'start')
  const heads = touching.map((step) => describeStep({ ...step, fields: [] }, color))
  return [...heads, closingLine(summaryOf(steps))].join('\n')
}

const SIGNS: Readonly<Record<StepChange, { readonly sign: string; readonly color: number }>> = {
  create: { sign: '+', color: 32 },
  replace: { sign: '±', color: 35 },
  remove: { sign: '-', color: 31 },
  update: { sign: '~', color: 33 },
  start: { sign: '~', color: 33 },
  stop: { sign: '~', color: 33 },
  restart: { sign: '~', color: 33 },
  pause: { sign: '~', color: 33 },
  unpause: { sign: '~', color: 33 },
  signal: { sign: '~', color: 33 },
}

function describeStep(step: Step, color: boolean): string {
  const { resource, name, change, reason, fields } = step
  const { sign, color: code } = SIGNS[change]
  const shown = color ? `\u001b[${code}m${sign}\u001b[0m` : sign
  const verb = sign === '~' ? `${verbOf(step)} ` : ''
  const head = `${shown} ${verb}${resource} ${printable(name)}: ${printable(reason)}`
  return [head, ...fields.map((field) => `    ${describeField(field)}`)].join('\n')
}

function verbOf({ change, signal }: Step): string {
  if (signal === undefined) return change
  return signal === 'SIGKILL' ? 'kill' : `send ${printable(signal)} to`
}

/** `environment.PORT: "1" → "2"`, with secrets hidden and nothing that moves a cursor. */
export function describeField(change: FieldChange): string {
  const { path, before, after } = withoutSecrets(change)
  return `${printable(path)}: ${valueText(before)} → ${valueText(after)}`
}

/** As JSON, in which no control character survives; what is absent says so. */
function valueText(value: unknown): string {
  return value === undefined ? '(none)' : printable(JSON.stringify(value) ?? '(none)')
}

/** Names and values come from files: none may move the cursor or change colours. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    return `\\u{${code.toString(16)}}`
  })
}

/**
 * `Plan: 3 to add, 1 to replace, 0 to remove.`; starts, stops and restarts only when there are any.
 */
function closingLine(summary: Summary): string {
  const { create, replace, remove, update, start, stop, restart, pause, unpause, signal } = summary
  const always = [`${create} to add`, `${replace} to replace`, `${remove} to remove`]
  const some = [
    [update, 'to update'],
    [start, 'to start'],
    [stop, 'to stop'],
    [restart, 'to restart'],
    [pause, 'to pause'],
    [unpause, 'to unpause'],
    [signal, 'to signal'],
  ].flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]))
  return `Plan: ${[...always, ...some].join(', ')}.`
}
