// npm run build: bundles the command line, the supervisor and the library into dist/, with types.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, resolve } from 'node:path'
import { rolldown } from 'rolldown'

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
/** An import of nothing from a file that does nothing by itself. */
const UNUSED_RUNTIME = /^import "\.\/rolldown-runtime-[^"]+";\n/gm
/** koffi's CommonJS: its ES module has node read all exports of what it imports, as below. */
const KOFFI_IMPORT = /^import koffi from 'koffi';?$/gm
const KOFFI_REQUIRED =
  "const koffi = globalThis.process.getBuiltinModule('module')" +
  ".createRequire(import.meta.url)('koffi')"
/** Stands in for the digest until all files are known. */
const UNKNOWN_BUILD = 'unknown-build-id'
const BUILD_DIGITS = 16

const files = [
  // One file for what is typed most, and chunks of their own for the other commands and for what
  // most do not need: spec, planner, listr2.
  await bundle({ cli: 'src/cli/main.ts' }, { splitting: true }),
  // One file: everything that the supervisor needs is loaded when it starts.
  await bundle({ daemon: 'src/daemon/main.ts' }),
  // A front end of its own, for those who bring their own supervisor.
  await bundle({ oci: 'src/oci/main.ts' }),
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
execFileSync(process.execPath, ['scripts/man.mjs'], { stdio: 'inherit' })

/** Path and text of each file. `splitting`: what is imported dynamically is a file of its own. */
async function bundle(input, { splitting = false } = {}) {
  const build = await rolldown({
    input,
    platform: 'node',
    resolve: { alias: { yaml: YAML_MODULE } },
    transform: {
      target: 'node24',
      define: {
        TSSTACK_VERSION: JSON.stringify(version),
        TSSTACK_BUILD: JSON.stringify(UNKNOWN_BUILD),
      },
    },
    plugins: [{ name: 'builtins', transform: takeBuiltins }],
    // It finds its binary beside its own files.
    external: ['koffi'],
  })
  const { output } = await build.generate({
    format: 'esm',
    // Names stay: they are what a stack trace says.
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: false } },
    comments: false,
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    // What is needed at once is one file: each takes half a millisecond to load.
    codeSplitting: splitting && { groups: [{ name: 'core', tags: ['$initial'] }] },
  })
  await build.close()
  return output.map(({ fileName, code }) => [
    join('dist', fileName),
    ascii(code.replaceAll(UNUSED_RUNTIME, '')),
  ])
}

/** One character beyond Latin-1, and V8 keeps all of a source in two bytes for each. */
function ascii(code) {
  return code.replaceAll(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/**
 * Node's own modules by `process.getBuiltinModule`: an ES import of `node:fs` reads each of its
 * exports, and so loads streams and promises that most commands never touch (12 of 25 ms,
 * measured).
 */
function takeBuiltins(code) {
  return code.replaceAll(BUILTIN_IMPORT, takeBuiltin).replaceAll(KOFFI_IMPORT, KOFFI_REQUIRED)
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
