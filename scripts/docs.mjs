// npm run docs: writes the pages under docs/ that are made from code; a test compares them.
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { supportDocument } from '../src/spec/index.ts'

const PAGE = 'docs/compose-support.md'
writeFileSync(resolve(import.meta.dirname, '..', PAGE), supportDocument())
console.log(PAGE)
