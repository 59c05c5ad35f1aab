// npm run build: bundles the command line, the supervisor and the library into dist/, with types.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, relative, resolve } from 'node:path'
import { build } from 'esbuild'

const PROJECT = resolve(import.meta.dirname, '..')
process.chdir(PROJECT)
const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
const library = existsSync('src/index.ts')
/** `import fs from 'node:fs'`, `import * as fs from …` and `import { a, b as c } from …`. */
const BUILTIN_IMPORT =
  /^import\s+(?:(?:\*\s+as\s+)?([\w$]+)|\{([^}]*)\})\s+from\s+['"](?:node:)?([a-z_/]+)['"];?/gm
/**
 * The ES modules of yaml: node would take its CommonJS, which cannot be shaken nor bundled into
 * ESM.
 */
const YAML_MODULE = resolve('node_modules/yaml/browser/dist/index.js')
/** Stands in for the digest until all files are known. */
const UNKNOWN_BUILD = 'unknown-build-id'
const BUILD_DIGITS = 16

const files = [
  // Chunks of its own for what most commands do not need: spec, planner, listr2.
  await bundle({ cli: 'src/cli/main.ts' }, { splitting: true }),
  // One file: everything that the supervisor needs is loaded when it starts.
  await bundle({ daemon: 'src/daemon/main.ts' }),
  // What fetches images for it.
  await bundle({ images: 'src/daemon/images/worker.ts' }),
  ...(library ? [await bundle({ index: 'src/index.ts' })] : []),
].flat()
// Not before all of it is there: a build that fails leaves the one before.
rmSync('dist', { recursive: true, force: true })
mkdirSync('dist')
for (const [path, text] of stamped(files)) {
  writeFileSync(path, text)
  console.log(`${path}  ${Math.ceil(text.length / 1024)} KiB`)
}
if (library) writeTypes()

/** Path and text of each file. */
async function bundle(entryPoints, options = {}) {
  const { outputFiles } = await build({
    entryPoints,
    outdir: 'dist',
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minifySyntax: true,
    minifyWhitespace: true,
    // node prints the whole line that threw.
    lineLimit: 160,
    alias: { yaml: YAML_MODULE },
    legalComments: 'none',
    write: false,
    // koffi finds its binary beside its own files.
    external: ['koffi'],
    chunkNames: '[name]-[hash]',
    define: {
      TSSTACK_VERSION: JSON.stringify(version),
      TSSTACK_BUILD: JSON.stringify(UNKNOWN_BUILD),
    },
    plugins: [{ name: 'builtins', setup: takeBuiltins }],
    ...options,
  })
  return outputFiles.map(({ path, text }) => [relative(PROJECT, path), text])
}

/**
 * Node's own modules by `process.getBuiltinModule`: an ES import of `node:fs` reads each of its
 * exports, and so loads streams and promises that most commands never touch (12 of 25 ms,
 * measured).
 */
function takeBuiltins({ onLoad }) {
  onLoad({ filter: /\.(?:ts|js|mjs)$/ }, ({ path }) => ({
    contents: readFileSync(path, 'utf8').replaceAll(BUILTIN_IMPORT, takeBuiltin),
    loader: path.endsWith('.ts') ? 'ts' : 'js',
  }))
}

function takeBuiltin(statement, whole, names, module) {
  if (!isBuiltin(module)) return statement
  // Not plain `process`: that is itself what some files import.
  const source = `globalThis.process.getBuiltinModule('${module}')`
  // commander imports it for commands that are programs of their own, which ours are not.
  if (module === 'child_process' && whole !== undefined) {
    return `const ${whole} = new Proxy({}, { get: (_, name) => ${source}[name] });`
  }
  // A module's default export is the module itself.
  if (whole !== undefined) return `const ${whole} = ${source};`
  const values = names
    .split(',')
    .filter((name) => name.trim() !== '' && !/^\s*type\s+(?!as\s)/.test(name))
  return `const {${values.join(',').replaceAll(/\s+as\s+/g, ': ')}} = ${source};`
}

/** The files with the digest of all of them where they name their build. */
function stamped(files) {
  const digest = createHash('sha256')
  for (const [, text] of files.toSorted(([a], [b]) => (a < b ? -1 : 1))) digest.update(text)
  const name = digest.digest('hex').slice(0, BUILD_DIGITS)
  return files.map(([path, text]) => [path, text.replaceAll(UNKNOWN_BUILD, name)])
}

/** Declarations of the library, by the compiler that checks it. */
function writeTypes() {
  const words = [
    '--ignoreConfig',
    '--declaration',
    '--emitDeclarationOnly',
    '--outDir',
    'dist/types',
  ]
  const options = JSON.parse(readFileSync('tsconfig.json', 'utf8')).compilerOptions
  const kept = ['target', 'module', 'strict', 'exactOptionalPropertyTypes', 'skipLibCheck']
  for (const key of kept) words.push(`--${key}`, String(options[key]))
  words.push('--lib', options.lib.join(','), '--types', 'node', '--rewriteRelativeImportExtensions')
  words.push('--resolveJsonModule', '--verbatimModuleSyntax', '--rootDir', 'src', 'src/index.ts')
  execFileSync(join('node_modules', '.bin', 'tsc'), words, { stdio: 'inherit' })
}
