#!/usr/bin/env node
// Starts as tsstack does, with another program.
'use strict'

globalThis.TSSTACK_PROGRAM = { name: 'tsstack-oci', file: '../dist/oci.js' }
import('./tsstack.js').catch(function (error) {
  process.stderr.write('error: Cannot start tsstack-oci: ' + error.message + '\n')
  process.exit(1)
})
