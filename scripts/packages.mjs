// Says which programs the tests need and the machine lacks; as root on Debian installs them by
// name.
// tsstack itself needs none of them: they are the tests' witnesses.
import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/** Program → its package on Debian and Ubuntu, Fedora, Arch; '' where its tests are left out. */
const NEEDED = {
  nft: ['nftables', 'nftables', 'nftables'],
  ip: ['iproute2', 'iproute', 'iproute2'],
  unshare: ['util-linux', 'util-linux', 'util-linux'],
  busybox: ['busybox-static', 'busybox', 'busybox'],
  skopeo: ['skopeo', 'skopeo', 'skopeo'],
  umoci: ['umoci', 'umoci', 'umoci'],
  iperf3: ['iperf3', 'iperf3', 'iperf3'],
  curl: ['curl', 'curl', 'curl'],
  socat: ['socat', 'socat', 'socat'],
  'iptables-nft': ['iptables', 'iptables-nft', 'iptables-nft'],
  nginx: ['nginx-light', 'nginx', 'nginx'],
  'redis-server': ['redis-server', 'redis', 'redis'],
  psql: ['postgresql', 'postgresql-server', 'postgresql'],
  pasta: ['passt', 'passt', 'passt'],
  newuidmap: ['uidmap', 'shadow-utils', 'shadow'],
  dig: ['bind9-dnsutils', 'bind-utils', 'bind'],
  mmdebstrap: ['mmdebstrap', '', ''],
  git: ['git', 'git', 'git'],
  xz: ['xz-utils', 'xz', 'xz'],
  bzip2: ['bzip2', 'bzip2', 'bzip2'],
  lxcfs: ['lxcfs', 'lxcfs', 'lxcfs'],
  python3: ['python3', 'python3', 'python'],
  strace: ['strace', 'strace', 'strace'],
  zsh: ['zsh', 'zsh', 'zsh'],
  fish: ['fish', 'fish', 'fish'],
  containerd: ['containerd', 'containerd', 'containerd'],
  'docker-registry': ['docker-registry', 'docker-distribution', 'docker-registry'],
  as: ['binutils', 'binutils', 'binutils'],
  'aarch64-linux-gnu-as': [
    'binutils-aarch64-linux-gnu',
    'binutils-aarch64-linux-gnu',
    'aarch64-linux-gnu-binutils',
  ],
  'qemu-aarch64': ['qemu-user', 'qemu-user-static', 'qemu-user'],
}

/** Package manager → how it installs; the order is that of the columns above. */
const MANAGERS = [
  ['apt-get', 'apt-get install -y --no-install-recommends'],
  ['dnf', 'dnf install -y'],
  ['pacman', 'pacman -S --needed --noconfirm'],
]

const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']
const manager = Math.max(
  MANAGERS.findIndex(([program]) => isInstalled(program)),
  0,
)
const missing = Object.keys(NEEDED).filter(
  (program) => NEEDED[program][manager] !== '' && !isInstalled(program),
)
const [managerName, install] = MANAGERS[manager]
const packages = [...new Set(missing.map((program) => NEEDED[program][manager]))]
const isRoot = process.getuid() === 0

if (missing.length > 0 && isRoot && managerName === 'apt-get' && isInstalled('apt-get')) {
  installOnDebian()
} else if (missing.length > 0) {
  fail(
    `The tests need ${missing.join(', ')}. Install them:`,
    `    ${isRoot ? '' : 'sudo '}${install} ${packages.join(' ')}`,
  )
}
if (!isRoot) {
  fail(
    'The kernel and end-to-end tests make namespaces, mounts and networks, so they need root:',
    '    sudo env "PATH=$PATH" npm test',
    'The others do not: npm run test:fast',
  )
}

function installOnDebian() {
  console.log(`The tests need ${missing.join(', ')}; installing: ${packages.join(' ')}`)
  const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  const words = [...install.split(' ').slice(1), ...packages]
  try {
    execFileSync('apt-get', words, options)
  } catch {
    // A fresh machine has no package lists yet.
    execFileSync('apt-get', ['update'], options)
    execFileSync('apt-get', words, options)
  }
}

function isInstalled(program) {
  return directories.some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function fail(...lines) {
  console.error(lines.join('\n'))
  process.exit(1)
}
