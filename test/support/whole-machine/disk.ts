/** The disk of a whole machine: Debian's minimal system with systemd, and tsstack as it is built. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { PROJECT } from '../sandbox.ts'

const PACKAGES = 'systemd,systemd-sysv,dbus,iproute2,procps,kmod,libstdc++6,busybox-static'

/** On its first terminal: runs a line of base64, and answers `STATUS BASE64`. */
const AGENT = `#!/bin/bash
exec < /dev/tty1 > /dev/tty1
stty raw -echo
echo ready
while read -r line; do
  script=$(echo "$line" | base64 -d)
  text=$(bash -c "$script" 2>&1 < /dev/null | base64 -w 0; exit \${PIPESTATUS[0]})
  echo "$? $text"
done
`

const AGENT_UNIT = `[Unit]
After=multi-user.target
[Service]
ExecStart=/usr/local/bin/agent
KillMode=process
[Install]
WantedBy=multi-user.target
`

/** Nobody asks for them, and each costs a second of a boot. */
const MASKED = ['getty@tty1', 'getty-static', 'systemd-firstboot', 'systemd-update-utmp']

/** Makes `DIRECTORY/disk`, an ext4 with a journal. */
export function makeDisk(directory: string, umlRoot: string): void {
  const tree = join(directory, 'tree')
  const words = ['--quiet', '--mode=root', '--variant=minbase', `--include=${PACKAGES}`]
  // Mounts that it makes go with its namespace.
  run('unshare', '--mount', 'mmdebstrap', ...words, 'bookworm', tree)
  installTsstack(tree)
  installModules(tree, umlRoot)
  writeAgent(tree)
  configure(tree)
  const disk = join(directory, 'disk')
  run('truncate', '--size=3G', disk)
  run('mke2fs', '-q', '-F', '-t', 'ext4', '-d', tree, disk)
  rmSync(tree, { recursive: true })
}

function run(program: string, ...words: readonly string[]): void {
  execFileSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'] })
}

function installTsstack(tree: string): void {
  const home = join(tree, 'opt/tsstack')
  for (const name of ['bin', 'dist', 'package.json']) {
    cpSync(join(PROJECT, name), join(home, name), { recursive: true })
  }
  for (const name of packagesOf('.')) {
    const words = { recursive: true, dereference: true }
    cpSync(join(PROJECT, 'node_modules', name), join(home, 'node_modules', name), words)
  }
  cpSync(process.execPath, join(tree, 'usr/bin/node'))
  symlinkSync('/opt/tsstack/bin/tsstack.js', join(tree, 'usr/bin/tsstack'))
}

/** What a package needs, and what that needs. */
function packagesOf(name: string, found = new Set<string>()): ReadonlySet<string> {
  const directory = name === '.' ? PROJECT : join(PROJECT, 'node_modules', name)
  const { dependencies = {}, optionalDependencies = {} } = manifestOf(directory)
  for (const each of Object.keys({ ...dependencies, ...optionalDependencies })) {
    if (found.has(each) || manifestOf(join(PROJECT, 'node_modules', each)).name === '') continue
    found.add(each)
    packagesOf(each, found)
  }
  return found
}

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Without a name where it is not installed: for another machine. */
function manifestOf(directory: string): Manifest {
  try {
    return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  } catch {
    return { name: '' }
  }
}

function installModules(tree: string, umlRoot: string): void {
  const modules = join(tree, 'usr/lib/modules')
  cpSync(join(umlRoot, 'usr/lib/uml/modules'), modules, { recursive: true })
  run('sh', '-c', 'chroot "$1" depmod "$(ls "$1/usr/lib/modules")"', 'sh', tree)
}

function writeAgent(tree: string): void {
  const program = join(tree, 'usr/local/bin/agent')
  writeFileSync(program, AGENT)
  chmodSync(program, 0o755)
  const units = join(tree, 'etc/systemd/system')
  writeFileSync(join(units, 'agent.service'), AGENT_UNIT)
  mkdirSync(join(units, 'multi-user.target.wants'), { recursive: true })
  symlinkSync('../agent.service', join(units, 'multi-user.target.wants/agent.service'))
  for (const name of MASKED) symlinkSync('/dev/null', join(units, `${name}.service`))
}

function configure(tree: string): void {
  writeFileSync(join(tree, 'etc/hostname'), 'box\n')
  writeFileSync(join(tree, 'etc/fstab'), '/dev/ubda / ext4 defaults 0 1\n')
  writeFileSync(join(tree, 'etc/machine-id'), '')
  // User-mode-linux 7.2 panics when a process with rings of io_uring forks, and node has some.
  writeFileSync(join(tree, 'etc/sysctl.d/rings.conf'), 'kernel.io_uring_disabled=2\n')
}
