/**
 * Programs of this machine that the kernel tests use as witnesses and a throw-away machine lacks,
 * and whose packages need two dozen others: each with its libraries and their loader, so that the
 * machine's own do not matter.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const PROGRAMS = ['curl', 'dig']

/** Copies those that are here to `folder`; one that is missing is missing there as well. */
export function packTools(folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'lib'), { recursive: true })
  for (const program of PROGRAMS) {
    const path = pathOf(program)
    if (path !== undefined) pack(folder, program, path)
  }
}

function pathOf(program) {
  try {
    return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

function pack(folder, program, path) {
  const libraries = [
    ...execFileSync('ldd', [path], { encoding: 'utf8' }).matchAll(/(?:=> |^\s+)(\/\S+)/gm),
  ].map(([, library]) => library)
  for (const library of libraries) copyFileSync(library, join(folder, 'lib', basename(library)))
  const loader = libraries.find((library) => basename(library).startsWith('ld-linux'))
  copyFileSync(path, join(folder, 'lib', program))
  const own = '$(dirname "$0")/lib'
  const words = loader ? `"${own}/${basename(loader)}" --library-path "${own}" ` : ''
  const script = join(folder, program)
  writeFileSync(script, `#!/bin/sh\nexec ${words}"${own}/${program}" "$@"\n`)
  chmodSync(script, 0o755)
}
