import { describe, expect, test } from 'vitest'
import type { ProgramInput } from '../../src/engine/container/child.ts'
import { cachedProgram } from '../../src/engine/container/program-cache.ts'
import { Program } from '../../src/linux/index.ts'

interface Words {
  readonly name: string
  readonly args: readonly string[]
  readonly cwd?: string
}

/** The image of a program that says all words, and how often one was written so far. */
let written = 0
function imageOf({ name, args, cwd = '/' }: Words): Buffer {
  const child: ProgramInput = {
    process: {
      terminal: false,
      user: { uid: 0, gid: 0, additionalGids: [] },
      args,
      env: [`NAME=${name}`],
      cwd,
      capabilities: { bounding: [] },
      rlimits: [],
      noNewPrivileges: false,
    },
    name,
    executable: '/bin/true',
    capabilityMask: 0n,
    lastCapability: 40,
    rlimits: [],
    ownedStreams: [],
    init: false,
  }
  const monitor = { cloneFlags: 0, keepsStatus: false, mover: { title: `log ${name}` } }
  const launch = cachedProgram({ child, monitor }, (kind) => {
    written += 1
    const program = new Program()
    const { process } = kind.child
    for (const word of [kind.child.name, process.cwd, ...process.args, ...process.env]) {
      program.text(word)
    }
    program.text(kind.monitor.mover?.title ?? '')
    return program
  })
  return launch.image()
}

describe('launch programs that were written before', () => {
  test('are taken again for other words, of which none of the others is left', () => {
    const before = written
    const [one, two] = [
      imageOf({ name: 'stack-one-1', args: ['serve', 'first'] }).toString('latin1'),
      imageOf({ name: 'stack-second-2', args: ['serve', 'other'] }).toString('latin1'),
    ]
    expect(written).toBe(before + 1)
    for (const word of ['first', 'stack-one-1', 'NAME=stack-one-1', 'log stack-one-1']) {
      expect(one).toContain(`${word}\0`)
      expect(two).not.toContain(word)
    }
    for (const word of ['other', 'stack-second-2', 'NAME=stack-second-2', 'log stack-second-2']) {
      expect(two).toContain(`${word}\0`)
      expect(one).not.toContain(word)
    }
  })

  test('are others where a step depends on it', () => {
    imageOf({ name: 'a', args: ['x'] })
    const before = written
    imageOf({ name: 'a', args: ['x', 'y', 'z'] })
    imageOf({ name: 'a', args: ['x'], cwd: '/srv' })
    // A word that needs more room than the first one had.
    imageOf({ name: 'a'.repeat(65), args: ['x'] })
    expect(written).toBe(before + 3)
  })
})
