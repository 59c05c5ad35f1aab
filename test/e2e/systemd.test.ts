/**
 * A machine that really boots, by Debian's systemd, with the unit that `tsstack enable` writes:
 *
 *   TSSTACK_UML_ROOT=/ npm run test:boot
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { canBoot, WholeMachine } from '../support/whole-machine.ts'

/** Says when it begins, and when it is asked to end. */
const teller = (name: string): string =>
  `exec sh -c 'now() { cut -d " " -f 1 /proc/uptime; }; now > /data/${name}-began; ` +
  `trap "now > /data/${name}-ended; exit 0" TERM; while :; do sleep 0.1; done'`

const service = (name: string, restart: string, ...more: readonly string[]): string => `
  ${name}:
    image: 'host:'
    network_mode: none
    command: [sh, -c, ${JSON.stringify(teller(name)).replaceAll('$', '$$$$')}]
    volumes: ['data:/data']
    restart: ${restart}
    ${more.join('\n    ')}`

const STACK = `
name: shop
services:
${service('db', 'unless-stopped')}
${service('web', 'always', 'depends_on: [db]')}
${service('once', '"no"')}
${service('idle', 'unless-stopped')}
volumes:
  data:
`

let machine: WholeMachine
const ok = (script: string): Promise<string> => machine.ok(`cd /srv/shop && ${script}`)

beforeAll(async () => {
  if (!canBoot) return
  machine = await WholeMachine.make()
  await machine.boot()
  await machine.ok(`mkdir -p /srv/shop && cat > /srv/shop/compose.yaml <<'END'\n${STACK}\nEND`)
}, 600_000)
afterAll(() => machine?.close())

interface Shown {
  readonly service: string
  readonly state: string
  readonly pid?: number
}

/** `SERVICE STATE`, and the pid of what runs. */
async function shown(): Promise<readonly string[]> {
  const list = JSON.parse(await ok('tsstack ps -a --json')) as readonly Shown[]
  return list.map(({ service: name, state, pid }) => `${name} ${state} ${pid ?? ''}`.trim())
}

/** Seconds of the machine's life, as services told; of the boot that is. */
async function told(file: string): Promise<number> {
  return Number(await ok(`tsstack exec -T web cat /data/${file}`))
}

const mainPid = (): Promise<string> => ok('systemctl show --property MainPID --value tsstack')
const supervisorPid = async (): Promise<string> =>
  String(JSON.parse(await ok('tsstack info --json')).supervisor.pid)

/** What was up is up, each in its time; what had been stopped is not. */
async function expectUp(): Promise<void> {
  await until(states, /^db running,idle exited,once running,web running$/)
}

const states = async (): Promise<string> =>
  (await shown()).map((line) => line.replace(/ \d+$/, '')).join()

test.skipIf(!canBoot)(
  'systemd finds nothing wrong with the unit, starts it, and keeps the supervisor alive',
  { timeout: 600_000 },
  async () => {
    await ok('tsstack up -d && tsstack stop idle')
    const before = await shown()
    await ok('tsstack enable && systemctl daemon-reload')
    expect(await ok('systemd-analyze verify tsstack.service')).toBe('')
    await ok('systemctl start tsstack')
    await ok('until tsstack info | grep -q "pid $(systemctl show -P MainPID tsstack),"; do :; done')
    await ok('systemctl kill --kill-whom=main --signal=KILL tsstack')
    await ok('until [ "$(systemctl show -P NRestarts tsstack)" = 1 ]; do sleep 0.1; done')
    await ok('until tsstack info | grep -q "pid $(systemctl show -P MainPID tsstack),"; do :; done')
    expect(await supervisorPid()).toBe(await mainPid())
    // Neither that nor an end in peace is one of the containers'.
    await ok('systemctl stop tsstack')
    expect(await shown()).toEqual(before)
    await ok('systemctl start tsstack')
    expect(await shown()).toEqual(before)
  },
)

test.skipIf(!canBoot)(
  'a reboot ends each container as its file says, and what was up comes up in its order',
  { timeout: 600_000 },
  async () => {
    const boot = await ok('cat /proc/sys/kernel/random/boot_id')
    machine.tell('systemctl reboot')
    await machine.ready()
    expect(await ok('cat /proc/sys/kernel/random/boot_id')).not.toBe(boot)
    await ok('until tsstack ps -q web | grep -q web; do sleep 0.1; done')
    await ok('until tsstack exec -T web test -e /data/web-began; do sleep 0.1; done')
    await expectUp()
    expect(await told('web-ended')).toBeLessThanOrEqual(await told('db-ended'))
    expect(await told('db-began')).toBeLessThanOrEqual(await told('web-began'))
    expect(await told('once-ended')).toBeGreaterThan(0)
    const log = await ok('journalctl --identifier tsstack')
    expect(log).toMatch(/stopped stack "shop" before a shutdown/)
    await ok(
      'until journalctl --boot --identifier tsstack | grep "bringing up"; do sleep 0.1; done',
    )
    await ok('while [ -e /var/lib/tsstack/shutdown.json ]; do sleep 0.1; done')
  },
)

test.skipIf(!canBoot)(
  'after a power cut what was up comes up as well',
  { timeout: 600_000 },
  async () => {
    await ok('sync')
    await machine.cutPower()
    await machine.boot()
    await ok('until tsstack ps -q web | grep -q web; do sleep 0.1; done')
    await expectUp()
    await ok('tsstack down -v -t 0 && tsstack disable && systemctl daemon-reload')
    expect(await ok('ls /var/lib/tsstack/stacks /var/lib/tsstack/volumes')).toBe(
      '/var/lib/tsstack/stacks:\n\n/var/lib/tsstack/volumes:',
    )
  },
)

/** A bundle of what the machine has, at /srv/bundle; $1: where its group is. */
const BUNDLE = `
mkdir -p /srv/bundle/rootfs/{bin,proc,sys} && cp /bin/busybox /srv/bundle/rootfs/bin/
cat > /srv/bundle/config.json <<END
{ "ociVersion": "1.2.0", "root": { "path": "rootfs" },
  "process": { "cwd": "/", "args": ["/bin/busybox", "sleep", "1000"], "user": { "uid": 0 } },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
  "linux": { "cgroupsPath": "$1", "resources": { "pids": { "limit": 9 } },
    "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "cgroup" }] } }
END`
const OCI = '/opt/tsstack/bin/tsstack-oci.js --systemd-cgroup'
/** What the container holds open would be waited for. */
const create = (id: string): string =>
  `(${OCI} create -b /srv/bundle ${id} > /tmp/said 2>&1 < /dev/null; code=$?; cat /tmp/said; exit $code)`

test.skipIf(!canBoot)(
  'tsstack-oci --systemd-cgroup runs a container in a scope of systemd, below the slice named',
  { timeout: 600_000 },
  async () => {
    await ok(`set -- machine-shop.slice:box:one; ${BUNDLE}`)
    await ok(`${create('one')} && ${OCI} start one`)
    const pid = await ok(`${OCI} state one | sed -n 's/.*"pid": \\([0-9]*\\).*/\\1/p'`)
    const group = '/machine.slice/machine-shop.slice/box-one.scope/container'
    expect(await ok(`cat /proc/${pid}/cgroup`)).toBe(`0::${group}`)
    const unit = 'systemctl show box-one.scope --value -P'
    expect(await ok(`${unit} ActiveState && ${unit} Delegate`)).toBe('active\nyes')
    await ok(`${OCI} update --pids-limit 7 one`)
    // What systemd is told to read anew is its own, and not what is below.
    await ok('systemctl daemon-reload')
    expect(await ok(`cat /sys/fs/cgroup${group}/pids.max; ls /sys/fs/cgroup${group}/..`)).toMatch(
      /^7\n((?!holder)[^])*$/,
    )
    expect(await ok(`${OCI} exec one /bin/busybox cat /proc/self/cgroup`)).toBe('0::/')
    const again = await machine.run(create('two'))
    expect([again.code, again.text]).toEqual([1, expect.stringContaining('UnitExists')])
    await ok(`${OCI} kill one KILL && until ${OCI} state one | grep stopped; do sleep 0.1; done`)
    await ok(`${OCI} delete one`)
    await ok(`while test -e /sys/fs/cgroup${group}/..; do sleep 0.1; done`)
    await ok(`until [ "$(${unit} LoadState)" = not-found ]; do sleep 0.1; done`)
  },
)

test.skipIf(!canBoot)(
  'a scope does not outlive a container that cannot be created',
  { timeout: 600_000 },
  async () => {
    await ok(`set -- :box:bad; ${BUNDLE}`)
    await ok("sed -i 's/sleep/&\\/none/; s/.bin.busybox/&-none/' /srv/bundle/config.json")
    const missing = await machine.run(create('bad'))
    expect(missing.text).toContain('/bin/busybox-none')
    expect(missing.code).not.toBe(0)
    const state = 'systemctl show box-bad.scope --value -P LoadState'
    await ok(`until [ "$(${state})" = not-found ]; do sleep 0.1; done`)
    await ok(`set -- /not/a/scope; ${BUNDLE}`)
    const { code, text } = await machine.run(create('bad'))
    expect([code, text]).toEqual([2, expect.stringContaining('SLICE:PREFIX:NAME is needed')])
  },
)
