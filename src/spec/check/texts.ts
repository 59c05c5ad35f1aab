/** Checks that what a service says can be handed to the kernel. */
import type { CheckContext, ServiceRule } from './check.ts'

/** Paths, arguments, variables and names end at their first NUL. */
export const checkTexts: ServiceRule = (name, service, context) => {
  walk(service, ['services', name], context)
}

function walk(value: unknown, path: (string | number)[], context: CheckContext): void {
  if (typeof value === 'string') return check(value, path, context)
  if (typeof value !== 'object' || value === null) return
  const isList = Array.isArray(value)
  for (const [key, inner] of Object.entries(value)) {
    path.push(isList ? Number(key) : key)
    check(key, path, context)
    walk(inner, path, context)
    path.pop()
  }
}

function check(text: string, path: readonly (string | number)[], context: CheckContext): void {
  if (!text.includes('\0')) return
  const { report, placeOf } = context
  report.error({
    rule: 'invalid-value',
    place: placeOf([...path]),
    message: `Cannot use ${JSON.stringify(text)}: it has a NUL in it, which ends every text there`,
  })
}
