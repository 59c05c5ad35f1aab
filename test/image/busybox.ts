/** An image that runs: the machine's static busybox, and names for its commands. */

import { readFileSync } from 'node:fs'
import { directory, file, symlink, tar } from './archive.ts'

const COMMANDS = [
  'sh',
  'ls',
  'cat',
  'sleep',
  'id',
  'env',
  'stat',
  'echo',
  'touch',
  'true',
  'wget',
  'httpd',
  'pwd',
]

/** The layer with the programs. */
export function busyboxLayer(): Buffer {
  return tar([
    directory('bin/'),
    { ...file('bin/busybox'), content: readFileSync('/bin/busybox'), mode: 0o755 },
    ...COMMANDS.map((name) => symlink(`bin/${name}`, 'busybox')),
    directory('etc/'),
    file('etc/passwd', 'root:x:0:0::/root:/bin/sh\napp:x:123:124::/srv:/bin/sh\n'),
    directory('tmp/', { mode: 0o1777 }),
  ])
}
