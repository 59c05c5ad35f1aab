/** Finds what is in the way of a plan in the stack files, as all other mistakes are shown. */

import { type Diagnostic, type Problem, SpecError, type SubjectPort } from '../errors.ts'
import { loadStack, renderDiagnostics } from '../spec/index.ts'
import type { LoadedStack } from '../spec/index.ts'
import { FileLoader } from './file-loader.ts'
import { loadRequest } from './load.ts'
import type { StackInput } from './protocol.ts'

export interface PlacedProblems {
  readonly diagnostics: readonly Diagnostic[]
  /** As a person reads them. */
  readonly rendered: string
}

/** Those that the files of `input` have no place for are said without one. */
export function placeProblems(input: StackInput, problems: readonly Problem[]): PlacedProblems {
  const loaded = loadAgain(input)
  const diagnostics = problems.map((problem): Diagnostic => {
    const { code, message, hint, about } = problem
    const path = loaded && pathOf(loaded, about)
    const place = path && loaded.placeOf(path)
    const rule = code.toLowerCase().replaceAll('_', '-')
    return { severity: 'error', rule, message, hint, ...place }
  })
  const sorted = diagnostics.toSorted(
    (a, b) => Number(a.line === undefined) - Number(b.line === undefined) || beforeIn(a, b),
  )
  const rendered = renderDiagnostics(sorted, loaded?.sources ?? new Map(), { color: input.color })
  return { diagnostics: sorted, rendered }
}

/** Undefined when they have gone, or have errors by now. */
function loadAgain(input: StackInput): LoadedStack | undefined {
  try {
    return loadStack({ ...loadRequest(input, new FileLoader(input)), strict: false })
  } catch (error) {
    if (error instanceof SpecError) return undefined
    throw error
  }
}

function pathOf(
  { stack }: LoadedStack,
  about: Problem['about'],
): readonly (string | number)[] | undefined {
  if ('key' in about) {
    const section = `${about.kind}s` as const
    return Object.hasOwn(stack[section] ?? {}, about.key) ? [section, about.key] : undefined
  }
  const { ports = [], volumes = [] } = stack.services[about.service] ?? {}
  const [key, index] =
    about.kind === 'port'
      ? (['ports', portIndex(ports, about.port)] as const)
      : (['volumes', volumes.findIndex(({ target }) => target === about.target)] as const)
  return index < 0 ? undefined : ['services', about.service, key, index]
}

type Ports = NonNullable<LoadedStack['stack']['services'][string]['ports']>

/** An instance has moved what is published: then the port inside has to tell. */
function portIndex(ports: Ports, { target, protocol, published, hostIp }: SubjectPort): number {
  const isInside = (port: Ports[number]): boolean =>
    port.target === target && (port.protocol ?? 'tcp') === protocol
  const text = published && [...new Set([published.first, published.last])].map(String).join('-')
  const exact = ports.findIndex(
    (port) => isInside(port) && port.published === text && (port.host_ip ?? hostIp) === hostIp,
  )
  return exact < 0 ? ports.findIndex(isInside) : exact
}

function beforeIn(a: Diagnostic, b: Diagnostic): number {
  if (a.file !== b.file) return 0
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)
}
