/** A log of 1,000,000 lines of 100 bytes: written by a container, read back, beside cat. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { tsstack, type Setting } from './commands.ts'
import { compare, run, type Group } from './measure.ts'

const LINES = 1_000_000
const CLI = join(import.meta.dirname, '../bin/tsstack.js')

export async function logGroups({ directory, image, rounds }: Setting): Promise<readonly Group[]> {
  const lines = Array.from({ length: LINES }, (_, at) => `${String(at).padStart(99, '.')}\n`).join(
    '',
  )
  const rootfs = image.replace('dir:', '')
  mkdirSync(join(rootfs, 'data'), { recursive: true })
  for (const name of ['cat', 'date']) symlink(rootfs, name)
  writeFileSync(join(rootfs, 'data/lines'), lines)
  const file = join(directory, 'logs.yaml')
  writeFileSync(file, stackText(image))
  const write = await compare(
    {
      'cat FILE > FILE': () => timedShell(`cat ${rootfs}/data/lines > ${directory}/copy`),
      'container to its log': () => written(file),
    },
    rounds,
  )
  await tsstack('-f', file, 'up', '-d')
  await sleep(1_500)
  const logs = `${process.execPath} ${CLI} -f ${file} logs --no-log-prefix`
  const read = await compare(
    {
      'cat FILE > FILE': () => timedShell(`cat ${rootfs}/data/lines > ${directory}/copy`),
      'tsstack logs > FILE': () => timedShell(`${logs} > ${directory}/log`),
    },
    rounds,
  )
  await tsstack('-f', file, 'down', '-t', '0')
  const same = md5(readFileSync(join(directory, 'log'))) === md5(Buffer.from(lines))
  if (!same) throw new Error('The log is not what was written')
  const note = `${LINES} lines of 100 bytes; what is read back is compared byte for byte.`
  return [
    { title: 'Log, written', note, unit: 'ms', yardstick: 'cat FILE > FILE', rows: write },
    { title: 'Log, read back', note, unit: 'ms', yardstick: 'cat FILE > FILE', rows: read },
  ]
}

const stackText = (image: string): string => `name: logs
services:
  w:
    image: '${image}'
    network_mode: none
    stop_signal: SIGKILL
    command: [/bin/sh, -c, 'cat /data/lines >/dev/null; cat /data/lines; exec sleep 1000']
    logging: { driver: local, options: { max-size: 400m } }
`

/** From the time of the first record to that of the last, as the log mover has stamped them. */
async function written(file: string): Promise<number> {
  await tsstack('-f', file, 'up', '-d')
  await sleep(1_500)
  const logs = `${process.execPath} ${CLI} -f ${file} logs -t --no-log-prefix`
  const all = await run('sh', ['-c', `${logs} | sed -n '1p;$p' | cut -d' ' -f1`])
  const [begun = '', ended = ''] = all.trim().split('\n')
  await tsstack('-f', file, 'down', '-t', '0')
  return Date.parse(ended) - Date.parse(begun)
}

async function timedShell(script: string): Promise<number> {
  const begun = performance.now()
  await run('sh', ['-c', script])
  return performance.now() - begun
}

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

function symlink(rootfs: string, name: string): void {
  try {
    symlinkSync('busybox', join(rootfs, 'bin', name))
  } catch {
    // It is there from another part.
  }
}
