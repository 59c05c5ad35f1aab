/** Debian's containerd, with roots of its own, runs what tsstack-oci starts. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { detectCgroups } from '../../src/linux/index.ts'
import { PROJECT, Sandbox } from '../support/sandbox.ts'

const isThere = existsSync('/usr/bin/containerd') && existsSync('/usr/bin/ctr')
const IMAGE = 'local.test/box:1'
const PROGRAMS = ['sh', 'cat', 'id', 'sleep', 'tty', 'head', 'grep']

let sandbox: Sandbox
let home: string

beforeAll(async () => {
  if (!isThere) return
  sandbox = await Sandbox.open()
  home = mkdtempSync(join(tmpdir(), 'tsstack-containerd-'))
  const script = join(PROJECT, 'bin/tsstack-oci.js')
  const runtime = `#!/bin/sh\nexec ${process.execPath} ${script} "$@"\n`
  writeFileSync(join(home, 'oci'), runtime, { mode: 0o755 })
  writeFileSync(join(home, 'config.toml'), configuration())
  writeImage()
})
afterAll(async () => {
  if (!isThere) return
  await sandbox.close()
  removeGroups()
  rmSync(home, { recursive: true, force: true })
})

const configuration = (): string => `version = 2
root = "${home}/root"
state = "${home}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${home}/containerd.sock"
[ttrpc]
  address = "${home}/ttrpc.sock"
`

/** An archive as `docker save` writes it, of busybox and nothing else. */
function writeImage(): void {
  const [rootfs, archive] = [join(home, 'rootfs'), join(home, 'archive')]
  mkdirSync(join(rootfs, 'bin'), { recursive: true })
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'))
  for (const name of PROGRAMS) symlinkSync('busybox', join(rootfs, 'bin', name))
  const layer = execFileSync('tar', ['-C', rootfs, '-cf', '-', '.'], { maxBuffer: 64 << 20 })
  const digest = createHash('sha256').update(layer).digest('hex')
  mkdirSync(archive)
  writeFileSync(join(archive, 'layer.tar'), layer)
  const config = { Env: ['PATH=/bin'], Cmd: ['sh'] }
  const diffs = { type: 'layers', diff_ids: [`sha256:${digest}`] }
  const platform = { architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux' }
  writeFileSync(
    join(archive, 'config.json'),
    JSON.stringify({ ...platform, config, rootfs: diffs, history: [] }),
  )
  const manifest = [{ Config: 'config.json', RepoTags: [IMAGE], Layers: ['layer.tar'] }]
  writeFileSync(join(archive, 'manifest.json'), JSON.stringify(manifest))
  const files = ['config.json', 'layer.tar', 'manifest.json']
  execFileSync('tar', ['-C', archive, '-cf', join(home, 'image.tar'), ...files])
}

/** What containerd leaves of its groups. */
function removeGroups(): void {
  for (const { mountPoint } of detectCgroups().hierarchies) {
    const group = join(mountPoint, basename(home))
    if (existsSync(group)) execFileSync('find', [group, '-depth', '-type', 'd', '-delete'])
  }
}

/** What each part of `script` printed, by its name; \`say NAME\` begins a part. */
async function withContainerd(script: string): Promise<Readonly<Record<string, string>>> {
  const whole = `
    mount --make-rprivate / && mount -t tmpfs tmpfs /run
    containerd -c ${home}/config.toml > ${home}/log 2>&1 &
    daemon=$!
    ctr() { timeout -k 1 100 /usr/bin/ctr -a ${home}/containerd.sock "$@"; }
    say() { printf '\\n== %s\\n' "$1"; }
    until ctr version > /dev/null 2>&1; do kill -0 $daemon || exit 1; sleep 0.1; done
    ctr image import ${home}/image.tar > /dev/null || exit 1
    how="--runtime io.containerd.runc.v2 --runc-binary ${home}/oci --snapshotter native"
    run() { name=$1; shift; ctr run $how --cgroup /${basename(home)}/$name "$@"; }
    # What one says that ends at once is lost now and then by containerd 1.6, with runc as well.
    told='cat /proc/1/comm; read end; exit 4'
    heard() { until [ -s ${home}/said ]; do sleep 0.1; done; cat ${home}/said >&2; }
    ${script}
    kill $daemon; wait $daemon`
  const words = ['unshare', '--mount', 'sh', '-c', `exec 2>&1; ${whole}`]
  const { stdout } = await sandbox.inNetns(words)
  const parts = stdout.split(/^== /m).slice(1)
  return Object.fromEntries(
    parts.map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n')).trim()]),
  )
}

test.runIf(isThere)(
  'containerd runs, executes, pauses, kills and deletes by tsstack-oci, also with a terminal',
  async () => {
    const said = await withContainerd(`
      say run; run one --rm ${IMAGE} one sh -c 'id -u; exit 3'; echo $?
      say started; run two -d ${IMAGE} two sleep 1000; ctr task ls | grep -o 'two.*'
      say exec; heard | ctr task exec --exec-id e1 two sh -c "$told" > ${home}/said; echo $?
      say terminal; exec="task exec --tty --exec-id e2 two tty"
      script -qec "/usr/bin/ctr -a ${home}/containerd.sock $exec" /dev/null
      say paused; ctr task pause two; ctr task ls | grep -o 'two.*'
      say resumed; ctr task resume two; ctr task ls | grep -o 'two.*'
      say metrics; ctr task metrics two | grep -c 'memory.usage\\|usage_usec'
      say killed; ctr task kill -s KILL two
      until ctr task ls | grep -q STOPPED; do sleep 0.1; done
      ctr task delete two; ctr container delete two; echo $?
      say missing; run three --rm ${IMAGE} three nothing-there; echo $?
      say confined; run four --rm --seccomp ${IMAGE} four grep Seccomp: /proc/self/status
      say left; ctr task ls -q; ctr container ls -q`)
    expect(said).toEqual({
      run: '0\n3',
      started: expect.stringMatching(/^two +\d+ +RUNNING/),
      exec: 'sleep\n4',
      terminal: expect.stringContaining('/dev/pts/0'),
      paused: expect.stringMatching(/^two +\d+ +PAUSED/),
      resumed: expect.stringMatching(/^two +\d+ +RUNNING/),
      metrics: expect.stringMatching(/^[1-9]$/),
      killed: expect.stringMatching(/exit code 137[^]*\n0$/),
      missing: expect.stringMatching(/"nothing-there": executable file not found[^]*\n1$/),
      confined: 'Seccomp:\t2',
      left: '',
    })
  },
)
