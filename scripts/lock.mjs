// Completes package-lock.json with the optional packages of other platforms that a registry mirror
// did not have when it was written. `npm ci` refuses a lock without them ("Missing: … from lock
// file", a version left blank); npm never downloads them on Linux. Run after `npm install`.
import { readFileSync, writeFileSync } from 'node:fs'

const PLATFORMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const ARCHITECTURES = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x']

const path = process.argv[2] ?? 'package-lock.json'
const lock = JSON.parse(readFileSync(path, 'utf8'))
const added = []
for (const owner of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(owner.optionalDependencies ?? {})) {
    const entry = missingEntry(name, version, owner)
    if (entry) {
      lock.packages[`node_modules/${name}`] = entry
      added.push(name)
    }
  }
}
if (added.length > 0) {
  lock.packages = Object.fromEntries(
    Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
  writeFileSync(path, `${JSON.stringify(lock, undefined, 2)}\n`)
}
console.log(`package-lock.json: ${added.length} entries for other platforms added`)

/**
 * The entry of a package that runs elsewhere, read from its name; undefined: present or unclear.
 */
function missingEntry(name, version, owner) {
  const words = name.split('/').at(-1).split('-')
  const os = PLATFORMS.find((platform) => words.includes(platform))
  const cpu = ARCHITECTURES.find((architecture) => words.includes(architecture))
  const known = lock.packages[`node_modules/${name}`] !== undefined
  if (known || !os || !cpu || !/^\d/.test(version)) return undefined
  return { version, cpu: [cpu], ...(owner.dev ? { dev: true } : {}), optional: true, os: [os] }
}
