import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { unitFile, unitText } from '../../src/cli/systemd-unit.ts'

const ANALYZE = '/usr/bin/systemd-analyze'

test.skipIf(!existsSync(ANALYZE)).each([undefined, '/srv/my app%1'])(
  'systemd finds nothing wrong with the unit of root %s',
  (root) => {
    const directory = mkdtempSync(join(tmpdir(), 'tsstack-unit-'))
    try {
      const place = { directory, root }
      const program = { node: process.execPath, script: '/opt/a "b" $c/tsstack.js' }
      writeFileSync(unitFile(place), unitText(place, program))
      const said = execFileSync(ANALYZE, ['verify', unitFile(place)], { encoding: 'utf8' })
      expect(said).toBe('')
    } finally {
      rmSync(directory, { recursive: true })
    }
  },
)
