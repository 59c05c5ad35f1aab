/** Lines, continuations, comments, directives, flags and heredocs. */
import { describe, expect, test } from 'vitest'
import { readStatements } from '../../../src/build/dockerfile/statement.ts'

/** `KEYWORD [flags] | args` of each statement. */
function read(text: string): readonly string[] {
  return readStatements(text).statements.map(({ keyword, flags, args }) =>
    [keyword, ...flags.map((flag) => flag.text), '|', args.text].join(' '),
  )
}

describe('readStatements()', () => {
  test.each([
    ['FROM a\nRUN b', ['FROM | a', 'RUN | b']],
    ['from a', ['FROM | a']],
    ['\n\n  FROM a  \n\n', ['FROM | a']],
    ['# c\nFROM a # b\n#d', ['FROM | a # b']],
    ['RUN a \\\n  b', ['RUN | a   b']],
    ['RUN a \\  \n  b', ['RUN | a   b']],
    ['RUN a \\\n# c\n\n  # d\n b', ['RUN | a  b']],
    ['RUN a \\\\\nRUN b', ['RUN | a \\\\', 'RUN | b']],
    ['RUN a \\', ['RUN | a']],
    ['FROM a\r\nRUN b \\\r\n c\r\n', ['FROM | a', 'RUN | b  c']],
    ['\uFEFFFROM a', ['FROM | a']],
    ['RUN\ta', ['RUN | a']],
  ])('%j is %j', (text, expected) => {
    expect(read(text)).toEqual(expected)
  })

  test.each([
    ['COPY --from=a --chown=b c d', ['COPY --from=a --chown=b | c d']],
    ['COPY --from="a b" c', ['COPY --from=a b | c']],
    ['COPY --from=a\\ b c', ['COPY --from=a b | c']],
    [
      'RUN --mount=type=cache,target=/x \\\n  --network=none make',
      ['RUN --mount=type=cache,target=/x --network=none | make'],
    ],
    ['RUN -- --x', ['RUN | --x']],
    ['RUN a --b', ['RUN | a --b']],
  ])('the flags of %j are %j', (text, expected) => {
    expect(read(text)).toEqual(expected)
  })

  test('an escape directive changes what continues a line', () => {
    const text = '# escape=`\nFROM a\nCOPY c:\\ d:\\\nRUN a `\n b'
    expect(read(text)).toEqual(['FROM | a', 'COPY | c:\\ d:\\', 'RUN | a  b'])
  })

  test('directives end at the first other line, and are then comments', () => {
    const { directives, findings } = readStatements(
      '# SYNTAX = x/y:1 \n# escape=\\\n#\n# check=z\n',
    )
    expect([...directives]).toEqual([
      ['syntax', 'x/y:1'],
      ['escape', '\\'],
    ])
    expect(findings).toEqual([])
  })

  test.each([
    ['# escape=x\nFROM a', 'Cannot escape with "x"'],
    ['# escape=`\n# escape=`\nFROM a', 'it is a second one'],
  ])('the directives of %j are refused', (text, message) => {
    expect(readStatements(text).findings[0]?.message).toContain(message)
  })

  test('the place of a character is that in its own line', () => {
    const { statements } = readStatements('FROM a\n  RUN one \\\n# c\n  two')
    const [, run] = statements
    expect(run?.place(0)).toEqual({ line: 2, column: 3 })
    expect(run?.place(run.text.indexOf('one'))).toEqual({ line: 2, column: 7 })
    expect(run?.place(run.text.indexOf('two'))).toEqual({ line: 4, column: 3 })
    expect([run?.line, run?.lineEnd]).toEqual([2, 4])
  })

  test('an empty line inside an instruction is a warning with its line', () => {
    expect(readStatements('RUN a \\\n\n b').findings).toMatchObject([
      { severity: 'warning', line: 2 },
    ])
  })
})

const heredocs = (text: string) => readStatements(text).statements[0]?.heredocs

describe('heredocs', () => {
  test('the body ends at its name, and the next instruction follows', () => {
    const text = 'RUN <<EOF\n# kept\necho $x \\\n\nEOF\nCMD a'
    expect(heredocs(text)).toMatchObject([
      { name: 'EOF', body: '# kept\necho $x \\\n\n', expands: true, stripsTabs: false },
    ])
    expect(read(text)).toEqual(['RUN | <<EOF', 'CMD | a'])
  })

  test('several follow each other', () => {
    expect(heredocs('COPY <<a <<b /x/\n1\na\n2\nb\n')).toMatchObject([
      { name: 'a', body: '1\n' },
      { name: 'b', body: '2\n' },
    ])
  })

  test.each([
    ["RUN <<'E'\n$x\nE\n", { name: 'E', expands: false }],
    ['RUN <<"E"\n$x\nE\n', { name: 'E', expands: false }],
    ['RUN <<-E\n\t\tx\n\tE\n', { name: 'E', stripsTabs: true, body: '\t\tx\n' }],
    ['RUN 3<<E cat\nx\nE\n', { name: 'E', fd: 3 }],
    ['RUN cat << E\nx\nE\n', { name: 'E', body: 'x\n' }],
    ['ONBUILD RUN <<E\nx\nE\n', { name: 'E', body: 'x\n' }],
    ['COPY <<E /x\nE\n', { name: 'E', body: '' }],
  ])('%j announces %j', (text, expected) => {
    expect(heredocs(text)).toMatchObject([expected])
  })

  test.each(["RUN echo '<<E'", 'RUN ["a", "<<E"]', 'RUN cat <<<x', 'RUN a < b', 'ENV a=<<E'])(
    '%s has none',
    (text) => {
      expect(heredocs(text)).toEqual([])
    },
  )

  test('one without an end is refused where it begins', () => {
    expect(readStatements('FROM a\nRUN cat <<EOF\nx\n').findings).toMatchObject([
      { severity: 'error', line: 2, column: 9, length: 5 },
    ])
  })
})
