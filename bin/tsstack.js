#!/usr/bin/env node
// The first lines that run, on any Node.js: nothing here that an old one cannot parse.
'use strict'

// The other program, tsstack-oci.js, says that it is itself.
var program = globalThis.TSSTACK_PROGRAM || { name: 'tsstack', file: '../dist/cli.js' }
// 24.5: proxies of the environment. @see `proxyEnv` of http.Agent
var version = process.versions.node.split('.').map(Number)
if (version[0] < 24 || (version[0] === 24 && version[1] < 5)) {
  process.stderr.write(
    'error: Cannot run ' +
      program.name +
      ' with Node.js ' +
      process.versions.node +
      ': it needs 24.5 or later; ' +
      'install one, or run: npx -y -p node@24 node ' +
      process.argv.slice(1).map(quoted).join(' ') +
      ' [NODE_TOO_OLD]\n',
  )
  process.exit(1)
}
useCompileCache()
import(program.file).catch(function (error) {
  process.stderr.write('error: Cannot start ' + program.name + ': ' + error.message + '\n')
  process.exit(1)
})

function quoted(word) {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : "'" + word.replace(/'/g, "'\\''") + "'"
}

// In a directory that is ours alone: whoever could write into it could run code as us. One for
// each of the usual commands: node keeps the functions that the first run of a file has used.
function useCompileCache() {
  var fs = process.getBuiltinModule('fs')
  var uid = process.geteuid()
  var home = process.env.XDG_CACHE_HOME || (process.env.HOME && process.env.HOME + '/.cache')
  var path = uid === 0 ? '/var/cache/tsstack' : home && home + '/tsstack'
  if (!path) return
  try {
    fs.mkdirSync(path, { recursive: true, mode: 448 })
    var stat = fs.lstatSync(path)
    if (stat.uid !== uid || (stat.mode & 18) !== 0) return
    var usual = ['exec', 'logs', 'ps', 'run', 'up', 'down', 'config', 'version']
    var word = process.argv.find(function (each) {
      return usual.indexOf(each) >= 0
    })
    process.getBuiltinModule('module').enableCompileCache(path + '/' + (word || 'other'))
  } catch {
    // A read-only file system: slower, nothing else.
  }
}
