/** Stacks from text: a file system of strings, and short ways to load it. */
import { type Diagnostic, SpecError } from '../../src/errors.ts'
import {
  type LoadedStack,
  type Loader,
  type LoadRequest,
  loadStack,
  type Service,
} from '../../src/spec/index.ts'

export type Files = Readonly<Record<string, string>>

/** Folders exist when a file is in them. */
export function memoryLoader(files: Files): Loader {
  const absolute = new Map(
    Object.entries(files).map(([path, text]) => [
      path.startsWith('/') ? path : `/project/${path}`,
      text,
    ]),
  )
  return {
    readFile: (path) => {
      const text = absolute.get(path)
      if (text === undefined) throw new Error('no such file')
      return new TextEncoder().encode(text)
    },
    kindOf: (path) => {
      if (absolute.has(path)) return 'file'
      const folder = path.endsWith('/') ? path : `${path}/`
      return [...absolute.keys()].some((name) => name.startsWith(folder)) ? 'directory' : 'absent'
    },
  }
}

export function request(files: string | Files, more: Partial<LoadRequest> = {}): LoadRequest {
  const all = typeof files === 'string' ? { 'compose.yaml': files } : files
  return { cwd: '/project', env: { HOME: '/home/user' }, loader: memoryLoader(all), ...more }
}

export function load(files: string | Files, more: Partial<LoadRequest> = {}): LoadedStack {
  return loadStack(request(files, more))
}

/** The service `web` of a stack; its text is indented here. */
export function web(text: string, more: Partial<LoadRequest> = {}): Service {
  const service = load(`services:\n  web:\n    image: x\n${indent(text)}`, more).stack.services[
    'web'
  ]
  if (service === undefined) throw new Error('no service "web"')
  return service
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')
}

/** Errors of a stack that cannot be loaded. */
export function errors(
  files: string | Files,
  more: Partial<LoadRequest> = {},
): readonly Diagnostic[] {
  try {
    load(files, more)
  } catch (error) {
    if (error instanceof SpecError) {
      return error.diagnostics.filter(({ severity }) => severity === 'error')
    }
    throw error
  }
  return []
}

/** `rule file:line:column` of each error. */
export function problems(
  files: string | Files,
  more: Partial<LoadRequest> = {},
): readonly string[] {
  return errors(files, more).map(
    ({ rule, file, line, column }) => `${rule} ${file ?? ''}:${line ?? ''}:${column ?? ''}`,
  )
}

export function warnings(
  files: string | Files,
  more: Partial<LoadRequest> = {},
): readonly string[] {
  return load(files, more).diagnostics.map(({ rule }) => rule)
}
