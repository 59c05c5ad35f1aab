/**
 * Runs kernel tests in a throw-away machine with pure cgroup v2:
 *
 *   TSSTACK_VM_RUN=/path/to/vm-run npm run test:vm -- [--kernel bookworm] [TEST…]
 *
 * `vm-run [options] --share DIR -- COMMAND` has to run COMMAND as root with DIR as working
 * directory. Options before the first test file are handed to it (default: the kernel of Debian
 * trixie, 6.12); without tests those that depend on the kernel's version most are run. Tests below
 * `test/e2e` run the command line: `npm run build` first. `--kernel uml` (7.2, one processor,
 * neither cpuset nor nf_tables) is about ten times as fast as an emulated machine.
 *
 * What the tests of users without root need is put in as Debian packages of this machine's own
 * release, which has to be that of the machine's userland.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packTools } from './vm-tools.mjs'

const runner = process.env['TSSTACK_VM_RUN']
if (!runner) {
  process.stderr.write('Cannot start a machine: TSSTACK_VM_RUN is not set; name the vm-run tool\n')
  process.exit(2)
}

// A copy, because the caches of tests that run here at the same time would go stale in a shared
// folder.
const BEFORE = ['--kernel', 'trixie', '--mode', 'copy']

const words = process.argv.slice(2)
const firstTest = words.findIndex((word) => word.startsWith('test/'))
const options = firstTest < 0 ? words : words.slice(0, firstTest)
const tests =
  firstTest < 0
    ? ['test/linux/cgroup', 'test/engine/rootfs', 'test/engine/volume']
    : words.slice(firstTest)
const root = fileURLToPath(new URL('..', import.meta.url))
// The machine's own node may be older: the package `node` brings the right one.
const vitest = ['node_modules/node/bin/node', 'node_modules/vitest/vitest.mjs', 'run']
const project = tests.every((path) => path.startsWith('test/e2e')) ? 'e2e' : 'kernel'
const PACKAGES = 'node_modules/.cache/vm-packages'
// With what they depend on beyond the least of systems.
downloadPackages(['passt', 'uidmap', 'libsubid4', 'socat', 'libwrap0', 'libnsl2'])
const TOOLS = 'node_modules/.cache/vm-tools'
packTools(join(root, TOOLS))
const before = [
  // User-mode-linux 7.2 panics when a process with rings of io_uring forks, and node has some.
  'echo 2 > /proc/sys/kernel/io_uring_disabled 2> /dev/null',
  // Makes /dev/net/tun, through which pasta works.
  'modprobe -q tun',
  `cd ${PACKAGES} && missing= && for file in *.deb`,
  'do dpkg-query -W "${file%%_*}" > /dev/null 2>&1 || missing="$missing ./$file"; done',
  'test -z "$missing" || dpkg -i $missing > /tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 125; }',
  `cd "$OLDPWD" && PATH=$PWD/${TOOLS}:$PATH exec "$@"`,
].join('\n')
const command = ['sh', '-c', before, 'sh', ...vitest, '--project', project, ...tests]
const { status, error } = spawnSync(
  runner,
  [...BEFORE, ...options, '--share', root, '--', ...command],
  { stdio: 'inherit' },
)
if (error) throw error
process.exit(status ?? 1)

function downloadPackages(names) {
  const directory = `${root}/${PACKAGES}`
  if (existsSync(directory)) return
  mkdirSync(directory, { recursive: true })
  try {
    execFileSync('apt-get', ['download', ...names], { cwd: directory, stdio: 'inherit' })
  } catch (error) {
    rmSync(directory, { recursive: true })
    throw error
  }
}
