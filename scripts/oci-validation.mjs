/**
 * Runs the OCI validation programs (opencontainers/runtime-tools, `validation/`) against runtimes:
 *
 *   node scripts/oci-validation.mjs DIRECTORY [--only NAME,NAME] [--json FILE] RUNTIME...
 *
 * DIRECTORY is a built checkout of runtime-tools: `make runtimetest validation-executables`. It is
 * not part of this project. A program is clean when it exits with 0 and says nothing is "not ok";
 * one that asserts nothing tells its failure in a diagnostic.
 */
import { spawnSync } from 'node:child_process'
import { globSync, writeFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { parseArgs } from 'node:util'

/** A program that waits for a container that never ends would wait for ever. */
const TIMEOUT_MS = 180_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, json: { type: 'string' }, verbose: { type: 'boolean' } },
})
const [directory, ...named] = positionals
// The programs run elsewhere: a path is meant from here, a plain name is looked up.
const runtimes = named.map((name) => (name.includes('/') ? resolve(name) : name))
if (directory === undefined || runtimes.length === 0) {
  process.stderr.write('Give the directory of the programs and the runtimes to be tried\n')
  process.exit(2)
}
const only = values.only?.split(',')
const programs = globSync('validation/*.t', { cwd: directory })
  .concat(globSync('validation/*/*.t', { cwd: directory }))
  .toSorted()
  .filter((path) => only?.includes(basename(path, '.t')) ?? true)

const results = programs.map((path) => ({
  name: basename(path, '.t'),
  runs: runtimes.map((runtime) => run(path, runtime)),
}))
for (const { name, runs } of results) {
  console.log(name.padEnd(34), ...runs.map(({ clean }) => (clean ? 'clean' : 'FAILS').padEnd(8)))
  if (values.verbose)
    for (const { why } of runs) if (why) console.log(why.replaceAll(/^/gm, '    '))
}
console.log(
  'clean'.padEnd(34),
  ...runtimes.map((_, at) => String(results.filter(({ runs }) => runs[at].clean).length).padEnd(8)),
  `of ${results.length}: ${runtimes.map((path) => basename(path)).join(', ')}`,
)
if (values.json) writeFileSync(values.json, JSON.stringify(results, undefined, 2))

function run(path, runtime) {
  const { status, stdout, stderr } = spawnSync(resolve(directory, path), {
    cwd: directory,
    env: { ...process.env, RUNTIME: runtime },
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
  })
  const lines = `${stdout}\n${stderr}`.split('\n')
  const bad = lines.filter((line) => /^\s*not ok/.test(line))
  const asserted = lines.some((line) => /^\s*ok \d/.test(line))
  const told = asserted ? [] : lines.filter((line) => /^\s*"?(error|level)"?: \S/.test(line))
  const clean = status === 0 && bad.length === 0 && told.length === 0
  const why = [`exit ${status}`, ...bad, ...told, ...(clean ? [] : stderr.split('\n'))]
  return { clean, why: clean ? '' : why.slice(0, 12).join('\n') }
}
