/** Finds dependency cycles: each is reported once, with the way round. */
import type { CheckContext } from './check.ts'

export function checkCycles(context: CheckContext): void {
  const { active } = context.activation
  const done = new Set<string>()
  for (const name of Object.keys(active).sort()) visit(name, { context, done, trail: [] })
}

interface Walk {
  readonly context: CheckContext
  readonly done: Set<string>
  readonly trail: string[]
}

/** Depth first without recursion, for a chain may be as long as the file. */
function visit(start: string, { context, done, trail }: Walk): void {
  const stack = [{ name: start, next: dependenciesOf(start, context) }]
  trail.push(start)
  while (stack.length > 0) {
    const top = stack.at(-1)
    const dependency = top?.next.pop()
    if (top === undefined || dependency === undefined) {
      stack.pop()
      done.add(trail.pop() ?? '')
      continue
    }
    const seen = trail.indexOf(dependency)
    if (seen !== -1) {
      reportCycle([...trail.slice(seen), dependency], context)
    } else if (!done.has(dependency)) {
      trail.push(dependency)
      stack.push({ name: dependency, next: dependenciesOf(dependency, context) })
    }
  }
}

function dependenciesOf(name: string, { activation }: CheckContext): string[] {
  const { active } = activation
  return Object.keys(active[name]?.depends_on ?? {})
    .filter((dependency) => active[dependency] !== undefined)
    .sort()
    .reverse()
}

function reportCycle(cycle: readonly string[], { report, placeOf }: CheckContext): void {
  const [from = '', to = ''] = cycle.slice(-2)
  report.error({
    rule: 'dependency-cycle',
    place: placeOf(['services', from, 'depends_on', to], 'key'),
    message: `Cannot order the services: dependency cycle detected: ${cycle.join(' -> ')}`,
  })
}
