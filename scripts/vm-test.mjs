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
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

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
// User-mode-linux 7.2 panics when a process with rings of io_uring forks, and node has some.
const noRings = 'echo 2 > /proc/sys/kernel/io_uring_disabled 2> /dev/null; exec "$@"'
const command = ['sh', '-c', noRings, 'sh', ...vitest, '--project', project, ...tests]
const { status, error } = spawnSync(
  runner,
  [...BEFORE, ...options, '--share', root, '--', ...command],
  { stdio: 'inherit' },
)
if (error) throw error
process.exit(status ?? 1)
