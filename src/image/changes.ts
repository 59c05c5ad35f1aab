/** `--change` of `import` and `commit`: instructions of a Dockerfile that set an image's config. */

import { EngineError } from '../errors.ts'

/** The `config` of an image, in its own words. @throws {EngineError} IMAGE */
export function parseChanges(lines: readonly string[]): Readonly<Record<string, unknown>> {
  const config = new Map<string, unknown>()
  for (const line of lines) {
    const [, word = '', rest = ''] = /^\s*(\w+)\s+(.+?)\s*$/s.exec(line) ?? []
    const apply = CHANGES[word.toUpperCase()]
    if (apply === undefined) throw refused(line)
    apply(config, rest)
  }
  return Object.fromEntries(config)
}

type Change = (config: Map<string, unknown>, text: string) => void

const CHANGES: Readonly<Record<string, Change>> = {
  CMD: (config, text) => config.set('Cmd', wordsOf(text)),
  ENTRYPOINT: (config, text) => config.set('Entrypoint', wordsOf(text)),
  ENV: (config, text) => {
    const [name = '', value = ''] = pairOf(text)
    config.set('Env', [...listOf(config, 'Env'), `${name}=${value}`])
  },
  LABEL: (config, text) => {
    const [name = '', value = ''] = pairOf(text)
    config.set('Labels', { ...objectOf(config, 'Labels'), [name]: value })
  },
  EXPOSE: (config, text) => {
    const ports = text.split(/\s+/).map((port) => (port.includes('/') ? port : `${port}/tcp`))
    config.set('ExposedPorts', { ...objectOf(config, 'ExposedPorts'), ...keys(ports) })
  },
  VOLUME: (config, text) => {
    const paths = text.startsWith('[') ? wordsOf(text) : text.split(/\s+/)
    config.set('Volumes', { ...objectOf(config, 'Volumes'), ...keys(paths) })
  },
  USER: (config, text) => config.set('User', text),
  WORKDIR: (config, text) => config.set('WorkingDir', text),
  STOPSIGNAL: (config, text) => config.set('StopSignal', text),
}

/** `["a", "b"]`, or words for a shell. */
function wordsOf(text: string): readonly string[] {
  if (!text.startsWith('[')) return ['/bin/sh', '-c', text]
  try {
    const words: unknown = JSON.parse(text)
    if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words
  } catch {
    // Said below.
  }
  throw refused(text)
}

/** `NAME=value` or `NAME value`. */
function pairOf(text: string): readonly string[] {
  const [, name = '', value = ''] = /^([^\s=]+)(?:=|\s+)(.*)$/s.exec(text) ?? []
  if (name === '') throw refused(text)
  return [name, value.replace(/^"(.*)"$/s, '$1')]
}

function listOf(config: ReadonlyMap<string, unknown>, key: string): readonly string[] {
  return (config.get(key) ?? []) as readonly string[]
}

function objectOf(config: ReadonlyMap<string, unknown>, key: string): object {
  return config.get(key) ?? {}
}

const keys = (names: readonly string[]): object =>
  Object.fromEntries(names.map((name) => [name, {}]))

function refused(line: string): EngineError {
  return new EngineError('IMAGE', `Cannot understand the change "${line.slice(0, 200)}"`, {
    hint: `write it as in a Dockerfile; known are ${Object.keys(CHANGES).join(', ')}`,
  })
}
