import { describe, expect, test } from 'vitest'
import { SpecError } from '../../src/errors.ts'
import { diagnosticsSarif, loadStack, renderDiagnostics } from '../../src/spec/index.ts'
import { type Files, request } from './stack.ts'

/** What a person is told about files that cannot be loaded. */
function told(files: Files, names?: readonly string[]): string {
  return renderDiagnostics(failure(files, names).diagnostics, failure(files, names).sources)
}

function failure(files: Files, names?: readonly string[]): SpecError {
  try {
    loadStack(request(files, names === undefined ? {} : { files: names }))
  } catch (error) {
    if (error instanceof SpecError) return error
    throw error
  }
  throw new Error('The stack can be loaded')
}

/** A file whose only service extends that of another file. */
const other = (file: string): string =>
  `services:\n  web:\n    extends: { file: ${file}, service: web }\n`

describe('a diagnostic', () => {
  test('about a value of a later file names that file, and the place it won over', () => {
    const text = told(
      {
        'a.yaml': 'services:\n  web:\n    image: x\n',
        'b.yaml': 'services:\n  web:\n    image: [y]\n',
      },
      ['a.yaml', 'b.yaml'],
    )
    expect(text).toMatch(/^b\.yaml:3:5: error: /)
    expect(text).toContain('\n  it replaces a.yaml:3:5\n')
  })

  test('about an included file names the line that brought it in, through all files', () => {
    const text = told({
      'compose.yaml': 'include:\n  - one.yaml\n',
      'one.yaml': 'include:\n  - two.yaml\n',
      'two.yaml': 'services:\n  web:\n    imge: x\n',
    })
    expect(text).toMatch(/^two\.yaml:3:5: error: /)
    expect(text).toContain('\n  introduced by one.yaml:2:5\n  introduced by compose.yaml:2:5\n')
  })

  test('about an extended file names the service that extends it', () => {
    const text = told({
      'compose.yaml': 'services:\n  web:\n    extends: { file: base.yaml, service: web }\n',
      'base.yaml': 'services:\n  web:\n    image: x\n    init: sometimes\n',
    })
    expect(text).toMatch(/^base\.yaml:4:11: error: /)
    expect(text).toContain('\n  introduced by compose.yaml:3:22\n')
  })

  test('about the only file names no other place', () => {
    const text = told({ 'compose.yaml': 'services:\n  web:\n    imge: x\n' })
    expect(text).not.toMatch(/introduced|replaces/)
  })

  test('ends when files extend each other', () => {
    const text = told({ 'compose.yaml': other('b.yaml'), 'b.yaml': other('compose.yaml') })
    expect(text).toContain('introduced by')
  })

  test('has its related places in SARIF', () => {
    const { diagnostics } = failure({
      'compose.yaml': 'include: [one.yaml]\n',
      'one.yaml': 'services:\n  web:\n    imge: x\n',
    })
    const [result] = JSON.parse(diagnosticsSarif(diagnostics, '1.0.0')).runs[0].results
    expect(result.relatedLocations).toMatchObject([
      {
        message: { text: 'introduced by' },
        physicalLocation: { artifactLocation: { uri: 'compose.yaml' }, region: { startLine: 1 } },
      },
    ])
  })
})
