import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { INTERPRETER } from '../../../src/linux/launch/interpreter.ts'

const SOURCES = join(import.meta.dirname, '../../../src/linux/launch')
const TOOLS = {
  x64: { as: 'as', objcopy: 'objcopy', arch: 'x64' },
  arm64: { as: 'aarch64-linux-gnu-as', objcopy: 'aarch64-linux-gnu-objcopy', arch: 'arm64' },
} as const

function assemble(architecture: 'x64' | 'arm64'): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'tsstack-as-'))
  try {
    const { as, objcopy } = TOOLS[architecture]
    const [object, binary] = [join(directory, 'o'), join(directory, 'bin')]
    execFileSync(as, ['-o', object, join(SOURCES, `interpreter-${architecture}.S`)])
    execFileSync(objcopy, ['-O', 'binary', '-j', '.text', object, binary])
    return readFileSync(binary)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function hasAssembler(architecture: 'x64' | 'arm64'): boolean {
  const { as } = TOOLS[architecture]
  if (as === 'as' && process.arch !== 'x64') return false
  return spawnSync(as, ['--version']).status === 0
}

describe.each(['x64', 'arm64'] as const)('INTERPRETER.%s', (architecture) => {
  // Skipped where the binutils of the architecture are not installed.
  test.runIf(hasAssembler(architecture))('is what its assembly assembles to', () => {
    expect(INTERPRETER[architecture].toString('hex')).toBe(assemble(architecture).toString('hex'))
  })

  test('has at most 200 bytes', () => {
    expect(INTERPRETER[architecture].length).toBeLessThanOrEqual(200)
  })
})
