// Prints `N passed, N failed` from vitest's JSON report; used by .ci/run. Exit status 1: not all is
// well.
// Arguments: the report's path, then the exit status of each further step, as `name=status`.
import { readFileSync } from 'node:fs'

const [path, ...steps] = process.argv.slice(2)
const failedSteps = steps.filter((step) => !step.endsWith('=0')).map((step) => step.split('=')[0])
const report = readReport()
const tests = report.testResults.flatMap((file) => file.assertionResults)
const passed = tests.filter((test) => test.status === 'passed').length
const failed = tests.filter((test) => test.status === 'failed').length
const skipped = tests.length - passed - failed
// A file that cannot be loaded has no tests of its own, but is no success.
const broken = report.testResults.filter(
  (file) =>
    file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
)

for (const file of broken) console.log(`failed to run: ${file.name}`)
if (skipped > 0) console.log(`${skipped} skipped: they say why themselves`)
if (failedSteps.length > 0) console.log(`failed: ${failedSteps.join(', ')}`)

// A step that failed counts as one unless failed tests explain it.
const unexplained = failedSteps.filter((step) => step !== 'test' || failed + broken.length === 0)
const failures = failed + broken.length + unexplained.length
console.log(`${passed} passed, ${failures} failed`)
process.exitCode = failures === 0 && passed > 0 ? 0 : 1

function readReport() {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    console.log(`no test report: ${error.message}`)
    return { testResults: [] }
  }
}
