/** What it costs to start containers from a stored image, beside a plain root file system. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { tsstack, type Setting } from './commands.ts'
import { compare, type Contender, type Group } from './measure.ts'
import { writeStack } from './stacks.ts'

const COUNT = 20
const STORED = 'bench-start:1'

/** `image` is the `dir:` of a root file system, which is imported for the other row. */
export async function imageStartGroup({ directory, image, rounds }: Setting): Promise<Group> {
  const place = join(directory, 'image-start')
  mkdirSync(place, { recursive: true })
  const archive = join(place, 'rootfs.tar')
  execFileSync('tar', ['-cf', archive, '-C', image.replace(/^dir:/, ''), '.'])
  await tsstack('import', archive, STORED)
  const starting = (name: string, from: string): Contender => {
    const file = writeStack({ directory: place, name, image: from, count: COUNT })
    return async () => {
      const begun = performance.now()
      await tsstack('-f', file, 'up', '-d')
      const took = performance.now() - begun
      await tsstack('-f', file, 'down', '-t', '0')
      return took
    }
  }
  return {
    title: `up -d of ${COUNT} services, from a directory and from a stored image`,
    note: 'In turns; both have the same files.',
    unit: 'ms',
    yardstick: 'dir:',
    rows: await compare(
      { 'dir:': starting('bench-dir', image), 'stored image': starting('bench-stored', STORED) },
      rounds,
    ),
  }
}
