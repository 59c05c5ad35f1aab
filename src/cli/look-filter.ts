/** What `network ls` and `volume ls` list: `--filter driver=bridge`, as Docker reads it. */

import { InvalidArgumentError } from 'commander'

/** What can be asked of one, by the word before the "=". */
export interface Question<Reading> {
  readonly holds: (reading: Reading, wanted: string) => boolean
  /** All that can be wanted; absent: anything. */
  readonly values?: readonly string[]
  /** True: of several, each has to hold. Otherwise one of them. */
  readonly every?: boolean
}

export type Questions<Reading> = Readonly<Record<string, Question<Reading>>>

/** `label=a=b` is { key: 'label', wanted: 'a=b' }. */
export interface Filter {
  readonly key: string
  readonly wanted: string
}

/** For commander: each `--filter` is checked as it comes. */
export function filterCollector(
  questions: Questions<never>,
): (value: string, before?: readonly Filter[]) => readonly Filter[] {
  return (value, before = []) => {
    const [, key = '', wanted = ''] = /^(\w+)=(.+)$/s.exec(value) ?? []
    const question = Object.hasOwn(questions, key) ? questions[key] : undefined
    if (question === undefined) {
      const known = Object.keys(questions).map((each) => `${each}=`)
      throw new InvalidArgumentError(`it begins with one of ${known.join(', ')}.`)
    }
    if (question.values !== undefined && !question.values.includes(wanted)) {
      throw new InvalidArgumentError(`${key} is one of ${question.values.join(', ')}.`)
    }
    if (PATTERNS.includes(key) && !isPattern(wanted)) {
      throw new InvalidArgumentError(`${key} is a part of a name, or a regular expression.`)
    }
    return [...before, { key, wanted }]
  }
}

/** Those that answer all that is asked; several answers to one question are as good as one. */
export function matching<Reading>(
  readings: readonly Reading[],
  questions: Questions<Reading>,
  filters: readonly Filter[],
): readonly Reading[] {
  const byKey = [...Map.groupBy(filters, ({ key }) => key)]
  return readings.filter((reading) =>
    byKey.every(([key, own]) => {
      const question = questions[key]
      const holds = ({ wanted }: Filter): boolean => question?.holds(reading, wanted) === true
      return question?.every === true ? own.every(holds) : own.some(holds)
    }),
  )
}

interface Described {
  readonly spec: { readonly name: string; readonly driver: string }
  readonly containers: readonly unknown[]
}

/** What networks and volumes have in common; `labelsOf`: with those that Compose gives them. */
export function commonQuestions<Reading extends Described>(
  labelsOf: (reading: Reading) => readonly Readonly<Record<string, string>>[],
): Questions<Reading> {
  return {
    name: { holds: ({ spec }, wanted) => new RegExp(wanted).test(spec.name) },
    driver: { holds: ({ spec }, wanted) => spec.driver === wanted },
    label: {
      every: true,
      holds: (reading, wanted) => labelsOf(reading).some((labels) => hasLabel(labels, wanted)),
    },
    dangling: {
      values: ['true', 'false', '1', '0'],
      holds: ({ containers }, wanted) =>
        (containers.length === 0) === (wanted === 'true' || wanted === '1'),
    },
  }
}

/** `key`, or `key=value`. */
function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const [key = '', ...value] = wanted.split('=')
  if (!Object.hasOwn(labels, key)) return false
  return value.length === 0 || labels[key] === value.join('=')
}

/** Parts of a name, or a pattern as `^shop_`. */
const PATTERNS: readonly string[] = ['name', 'id']

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp
  } catch {
    return false
  }
}
