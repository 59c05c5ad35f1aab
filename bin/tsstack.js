#!/usr/bin/env node
// The first line that runs, on any Node.js: it may use nothing that old ones cannot parse.
'use strict'

var major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    'error: Cannot run tsstack with Node.js ' +
      process.versions.node +
      ': it needs 24 or later; ' +
      'install one, or start it by its path: /path/to/node24 ' +
      process.argv[1] +
      ' [NODE_TOO_OLD]\n',
  )
  process.exit(1)
}
import('../dist/start.js').catch(function (error) {
  process.stderr.write('error: Cannot start tsstack: ' + error.message + '\n')
  process.exit(1)
})
