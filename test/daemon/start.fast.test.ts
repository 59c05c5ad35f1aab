/** A supervisor that cannot even be started. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { placesOf } from '../../src/daemon/places.ts'
import { startSupervisor } from '../../src/daemon/start.ts'

test('startSupervisor() says so when there is no program to start', async () => {
  const root = mkdtempSync(join(tmpdir(), 'tsstack-start-'))
  const node = process.execPath
  // As after an upgrade of Node.js that took the old one away.
  process.execPath = join(root, 'gone')
  try {
    await expect(startSupervisor(placesOf(root))).rejects.toMatchObject({
      code: 'SUPERVISOR',
      message: expect.stringMatching(/^Cannot start the supervisor: spawn .* ENOENT$/),
      hint: expect.stringContaining(join(root, 'gone')),
    })
  } finally {
    process.execPath = node
    rmSync(root, { recursive: true, force: true })
  }
})
