/**
 * npm run bench [-- launch|commands|lifecycle|config|memory|network|names|images|stacks …]: writes
 * bench/results/figures.md and figures.svg.
 * With parts: figures-PART.md and .svg.
 * Needs root. Runs in a network namespace and a state root of its own, and leaves nothing behind.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { mountDisk, mountMemory } from './disk.ts'
import type { Group } from './measure.ts'
import { svg } from './plot.ts'
import { markdown } from './table.ts'

const INSIDE = 'TSSTACK_BENCH_NAMESPACE'
const RESULTS = join(import.meta.dirname, 'results')

/** Where state and layers are. */
let disks = ''

if (process.getuid?.() !== 0) {
  console.error('The bench makes containers, so it needs root: sudo env "PATH=$PATH" npm run bench')
  process.exit(1)
}
if (process.env[INSIDE]) await main()
else runInNamespace()

function runInNamespace(): never {
  const again = [process.execPath, ...process.argv.slice(1)]
  const script = 'ip link set lo up && exec "$@"'
  const { status } = spawnSync(
    'unshare',
    ['--net', '--mount', 'sh', '-c', script, 'sh', ...again],
    {
      stdio: 'inherit',
      env: { ...process.env, [INSIDE]: '1' },
    },
  )
  process.exit(status ?? 1)
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'tsstack-bench-'))
  process.env['TSSTACK_ROOT'] = join(directory, 'root')
  // Gone with the mount namespace at the latest.
  const disk = mountDisk(directory)
  disks = disk.name
  const runs = ['root', 'launch'].map((name) => mountMemory(join(directory, name, 'run')))
  try {
    const groups = await measure(directory)
    console.log(markdown(groups, machine()))
  } finally {
    for (const { unmount } of [...runs, disk]) unmount()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measure(directory: string): Promise<readonly Group[]> {
  const { makeRootfs } = await import('./floor.ts')
  const { launchGroup, endurance } = await import('./launch.ts')
  const { buildGroups } = await import('./build.ts')
  const { commandGroup, stackGroups } = await import('./commands.ts')
  const { lifecycleGroup } = await import('./lifecycle.ts')
  const { configGroups } = await import('./config.ts')
  const { memoryGroup } = await import('./memory.ts')
  const { networkGroups } = await import('./network.ts')
  const { nameGroups } = await import('./names.ts')
  const { imageGroups } = await import('./images.ts')
  const { imageStartGroup } = await import('./image-start.ts')
  const { stayParts } = await import('./stay.ts')
  const rootfs = makeRootfs(directory)
  const image = `dir:${rootfs}`
  const parts: Readonly<Record<string, () => Promise<readonly Group[]>>> = {
    launch: async () => [await launchGroup({ directory, rootfs })],
    endurance: async () => [await endurance({ directory, rootfs, count: 10_000 })],
    commands: async () => [await commandGroup({ directory, image, rounds: 15 })],
    lifecycle: async () => [await lifecycleGroup({ directory, image, rounds: 10 })],
    config: async () => configGroups({ directory, rounds: 15 }),
    build: async () => buildGroups({ directory, rounds: 15 }),
    memory: async () => [await memoryGroup({ directory, image, count: 50 })],
    network: async () => [
      ...(await networkGroups(5)),
      ...(await nameGroups({ directory, image, rounds: 1 })),
    ],
    names: async () => nameGroups({ directory, image, rounds: 1 }),
    images: async () => [
      ...(await imageGroups(directory, 3)),
      await imageStartGroup({ directory, image, rounds: 10 }),
    ],
    ...stayParts({ directory, image }),
    stacks: async () => stackGroups({ directory, image, rounds: 3 }),
  }
  const chosen =
    process.argv.slice(2).length > 0
      ? process.argv.slice(2)
      : Object.keys(parts).filter((name) => name !== 'names')
  const groups: Group[] = []
  for (const name of chosen) {
    console.error(`bench: ${name}`)
    const part = parts[name]
    if (!part) throw new Error(`Unknown part "${name}"; there are ${Object.keys(parts).join(', ')}`)
    groups.push(...(await part()))
    writeResults(groups) // After each part: a later one that fails takes no figures with it.
  }
  return groups
}

function writeResults(groups: readonly Group[]): void {
  mkdirSync(RESULTS, { recursive: true })
  const name = ['figures', ...process.argv.slice(2)].join('-')
  writeFileSync(join(RESULTS, `${name}.md`), markdown(groups, machine()))
  writeFileSync(join(RESULTS, `${name}.svg`), svg(groups))
}

function machine(): string {
  const model = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
  const manifest = readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')
  const { version } = JSON.parse(manifest) as { readonly version: string }
  const day = new Date().toISOString().slice(0, 10)
  const hardware = `kernel ${release()}, ${cpus().length} processors`
  return `${model}, ${hardware}, node ${process.version}, tsstack ${version}, ${disks}, ${day}`
}
