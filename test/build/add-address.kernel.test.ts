/** ADD of addresses: files over http, and git repositories, from servers of this machine. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { fetchContext } from '../../src/build/index.ts'
import { digestOf } from '../../src/image/index.ts'
import { type BuildScene, buildScene, textIn } from './build-scene.ts'

interface Server extends AsyncDisposable {
  readonly url: string
  /** Method and path of each request, with the mark it came with. */
  readonly seen: string[]
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void

async function serve(answer: Answer): Promise<Server> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    const mark = request.headers['if-none-match'] ?? '-'
    seen.push(`${request.method} ${request.url} ${mark}`)
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** One file that changes with `text`, and is marked by it. */
const fileServer = (content: { text: string }) =>
  serve(({ headers }, response) => {
    const etag = `"${digestOf(content.text)}"`
    if (headers['if-none-match'] === etag) return void response.writeHead(304).end()
    const modified = 'Wed, 21 Oct 2015 07:28:00 GMT'
    response.writeHead(200, { etag, 'last-modified': modified }).end(content.text)
  })

describe('ADD of a file from an address', () => {
  test('has mode 600 and the time it was changed; it is sent again only when it has changed', async () => {
    using scene = buildScene()
    const content = { text: 'first' }
    await using server = await fileServer(content)
    const text = `FROM scratch\nADD ${server.url}/dir/some%20file /x/\n`
    const built = await scene.build(text)
    expect(textIn(built, 'x/some file')).toBe('first')
    const { mode, uid, mtimeMs } = lstatSync(join(built.lowers[0] ?? '', 'x/some file'))
    expect([mode & 0o7777, uid, mtimeMs]).toEqual([0o600, 0, Date.parse('2015-10-21T07:28:00Z')])
    const again = await scene.build(text)
    expect([again.id, again.steps.at(-1)]).toEqual([built.id, 'cached'])
    content.text = 'second'
    expect(textIn(await scene.build(text), 'x/some file')).toBe('second')
    const etag = `"${digestOf('first')}"`
    expect(server.seen).toEqual(['-', etag, etag].map((mark) => `GET /dir/some%20file ${mark}`))
  })

  test('whose checksum is known is not even asked for again; another content is refused', async () => {
    using scene = buildScene()
    const content = { text: 'right' }
    await using server = await fileServer(content)
    const text = (digest: string): string =>
      `FROM scratch\nADD --checksum=${digest} ${server.url}/f /f\n`
    const built = await scene.build(text(digestOf('right')))
    expect(textIn(built, 'f')).toBe('right')
    await scene.build(text(digestOf('right')))
    expect(server.seen).toHaveLength(1)
    await expect(scene.build(text(digestOf('wrong')))).rejects.toThrow('has the digest sha256:')
    await expect(scene.build(text('sha256:12'))).rejects.toThrow('Cannot check against')
    const local = 'FROM scratch\nADD --checksum=sha256:12 file /f\n'
    await expect(scene.build(local)).rejects.toThrow('it is a file of the context')
  })

  test('is left packed unless --unpack says otherwise; --chmod and --chown count', async () => {
    using scene = buildScene()
    mkdirSync(join(scene.directory, 'in'))
    writeFileSync(join(scene.directory, 'in/f'), 'inside')
    const archive = execFileSync('tar', ['-cJ', 'in'], { cwd: scene.directory })
    await using server = await serve((_, response) => void response.end(archive))
    const text = `FROM scratch\nADD --chmod=755 --chown=5:6 ${server.url}/a.tar.xz /\n`
    const built = await scene.build(`${text}ADD --unpack=true ${server.url}/a.tar.xz /u/\n`)
    expect(textIn(built, 'u/in/f')).toBe('inside')
    const { mode, uid, gid } = lstatSync(join(built.lowers[1] ?? '', 'a.tar.xz'))
    expect([mode & 0o7777, uid, gid]).toEqual([0o755, 5, 6])
  })

  test.each([
    ['missing', 'answers 404'],
    ['cut', 'ended after 3 of 10 bytes|aborted|socket hang up'],
    ['circle', 'redirects more than'],
  ])('%s: is an error at its line, and nothing of it is kept', async (how, why) => {
    using scene = buildScene()
    await using server = await serve(({ url }, response) => {
      if (url === '/circle') return void response.writeHead(302, { location: '/circle' }).end()
      if (url === '/missing') return void response.writeHead(404).end()
      response.writeHead(200, { 'content-length': '10' })
      response.write('cut', () => response.destroy())
    })
    const built = scene.build(`FROM scratch\nADD ${server.url}/${how} /x\n`)
    await expect(built).rejects.toMatchObject({
      code: 'BUILD',
      diagnostics: [{ line: 2, message: expect.stringMatching(why) }],
    })
  })

  test('a name in the address cannot lead out of the target', async () => {
    using scene = buildScene()
    await using server = await serve((_, response) => void response.end('x'))
    const build = (path: string) => scene.build(`FROM scratch\nADD ${server.url}/${path} /a/b/\n`)
    for (const path of ['x%2f..%2f..%2fevil', '%2e%2e%2fevil', '']) {
      await expect(build(path)).rejects.toThrow('does not say what it is called')
    }
  })

  test('a proxy is used where the caller has one', async () => {
    using scene = buildScene()
    await using proxy = await serve(({ url }, response) => void response.end(`asked for ${url}`))
    const before = process.env['http_proxy']
    process.env['http_proxy'] = proxy.url
    try {
      const built = await scene.build('FROM scratch\nADD http://files.test/f /f\n')
      expect(textIn(built, 'f')).toBe('asked for http://files.test/f')
    } finally {
      if (before === undefined) delete process.env['http_proxy']
      else process.env['http_proxy'] = before
    }
  })
})

const git = (directory: string, ...words: readonly string[]): string =>
  execFileSync('git', ['-C', directory, ...words], {
    encoding: 'utf8',
    env: {
      ...process.env,
      ...Object.fromEntries(
        ['AUTHOR', 'COMMITTER'].flatMap((who) => [
          [`GIT_${who}_NAME`, 'Test'],
          [`GIT_${who}_EMAIL`, 'test@example.com'],
          [`GIT_${who}_DATE`, '2024-01-01T00:00:00Z'],
        ]),
      ),
      GIT_CONFIG_GLOBAL: '/dev/null',
    },
  }).trim()

/** A repository with a commit on `main`, a tag `v1` on it, and one more on `next`. */
function repository({ directory }: BuildScene): string {
  const path = join(directory, 'repository')
  mkdirSync(join(path, 'docs'), { recursive: true })
  git(path, 'init', '-q', '-b', 'main', '.')
  writeFileSync(join(path, 'README'), 'one')
  writeFileSync(join(path, 'docs/guide'), 'guide')
  git(path, 'add', '.')
  git(path, 'commit', '-qm', 'one')
  git(path, 'tag', '-a', 'v1', '-m', 'one')
  git(path, 'checkout', '-q', '-b', 'next')
  writeFileSync(join(path, 'README'), 'two')
  git(path, 'commit', '-qam', 'two')
  git(path, 'checkout', '-q', 'main')
  return path
}

/** As web servers serve repositories: git's own program behind CGI. @see git-http-backend(1) */
async function serveGit(path: string): Promise<Server> {
  return serve((request, response) => {
    const { pathname, search } = new URL(request.url ?? '/', 'http://git')
    const backend = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env['PATH'],
        GIT_PROJECT_ROOT: path,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: pathname.replace(/^\/r\.git/, '/.git'),
        QUERY_STRING: search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
      },
    })
    pipeline(request, backend.stdin, () => undefined)
    const chunks: Buffer[] = []
    backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    backend.on('close', () => {
      const whole = Buffer.concat(chunks)
      const end = whole.indexOf('\r\n\r\n')
      for (const line of whole.subarray(0, end).toString().split('\r\n')) {
        const [name = '', value = ''] = line.split(': ')
        if (name === 'Status') response.statusCode = Number.parseInt(value, 10)
        else if (name !== '') response.setHeader(name, value)
      }
      response.end(whole.subarray(end + 4))
    })
  })
}

describe('ADD of a git repository', () => {
  test('copies a branch, a tag, a commit, a folder; each commit is fetched once', async () => {
    using scene = buildScene()
    const path = repository(scene)
    const commit = git(path, 'rev-parse', 'next')
    await using server = await serveGit(path)
    const url = `${server.url}/r.git`
    const text = [
      'FROM scratch',
      `ADD ${url} /all/`,
      `ADD ${url}#next /next/`,
      `ADD ${url}#v1:docs /docs/`,
      `ADD --checksum=${commit} ${url}#next /checked/`,
      `ADD --keep-git-dir=true ${url}#${commit} /kept/`,
      '',
    ].join('\n')
    const built = await scene.build(text)
    expect(textIn(built, 'all/README')).toBe('one')
    expect(textIn(built, 'next/README')).toBe('two')
    expect(textIn(built, 'docs/guide')).toBe('guide')
    expect(textIn(built, 'checked/README')).toBe('two')
    expect(textIn(built, 'kept/.git/HEAD').trim()).toBe(commit)
    expect(existsSync(join(built.lowers.at(-1) ?? '', 'all/.git'))).toBe(false)
    const asked = server.seen.length
    expect((await scene.build(text)).id).toBe(built.id)
    const more = server.seen.slice(asked).filter((line) => line.startsWith('GET'))
    // A branch or a tag may have moved: it is asked for; a commit cannot.
    expect(more).toHaveLength(4)
  })

  test('a branch that is not there, another commit than asked for and a wrong address say so', async () => {
    using scene = buildScene()
    await using server = await serveGit(repository(scene))
    const add = (words: string) => scene.build(`FROM scratch\nADD ${words} /x/\n`)
    const url = `${server.url}/r.git`
    await expect(add(`${url}#nowhere`)).rejects.toThrow('no branch or tag "nowhere"')
    await expect(add(`--checksum=${'0'.repeat(40)} ${url}`)).rejects.toThrow('it is commit')
    await expect(add(`${url}#main:nowhere`)).rejects.toThrow('has no such file')
    await expect(add(`${url}#--upload-pack=evil`)).rejects.toThrow('no branch, tag or commit')
    await expect(add(`${server.url}/other.git`)).rejects.toThrow('Cannot fetch')
    await expect(add('ftp://127.0.0.1/x')).rejects.toThrow('nothing is fetched by ftp')
  })

  test('a repository of this machine is outside the context, but may be one', async () => {
    using scene = buildScene()
    const path = repository(scene)
    const add = scene.build(`FROM scratch\nADD file://${path} /x/\n`)
    await expect(add).rejects.toThrow('it is outside the build context')
    const options = { cacheDirectory: join(scene.directory, 'build'), env: {} }
    const { signal } = new AbortController()
    const context = await fetchContext(`file://${path}#next`, { ...options, signal })
    expect(readFileSync(join(context, 'README'), 'utf8')).toBe('two')
    const folder = await fetchContext(`file://${path}#v1:docs`, { ...options, signal })
    expect(readFileSync(join(folder, 'guide'), 'utf8')).toBe('guide')
    const nowhere = fetchContext(`file://${path}#v1:nowhere`, { ...options, signal })
    await expect(nowhere).rejects.toThrow('has no folder "nowhere"')
  })

  test('a submodule cannot bring files of this machine', async () => {
    using scene = buildScene()
    const path = repository(scene)
    const secret = join(scene.directory, 'secret')
    mkdirSync(secret)
    git(secret, 'init', '-q', '.')
    writeFileSync(join(secret, 'key'), 'secret')
    git(secret, 'add', '.')
    git(secret, 'commit', '-qm', 'secret')
    git(path, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', secret, 'stolen')
    git(path, 'commit', '-qam', 'steal')
    await using server = await serveGit(path)
    const built = scene.build(`FROM scratch\nADD ${server.url}/r.git /x/\n`)
    await expect(built).rejects.toThrow("transport 'file' not allowed")
  })

  test('a hook and a link of the repository reach nothing of this machine', async () => {
    using scene = buildScene()
    const path = repository(scene)
    execFileSync('ln', ['-s', '/etc', join(path, 'etc')])
    git(path, 'add', '.')
    git(path, 'commit', '-qm', 'link')
    await using server = await serveGit(path)
    const built = scene.build(`FROM scratch\nADD ${server.url}/r.git#main:etc /x/\n`)
    await expect(built).rejects.toThrow('has no such file')
  })
})

test('a context that is an address is an archive, or the Dockerfile itself', async () => {
  using scene = buildScene()
  writeFileSync(join(scene.directory, 'Dockerfile'), 'FROM scratch\n')
  const archive = execFileSync('tar', ['-cz', 'Dockerfile'], { cwd: scene.directory })
  await using server = await serve(({ url }, response) => {
    response.end(url === '/a.tgz' ? archive : 'FROM scratch\n')
  })
  for (const name of ['a.tgz', 'Dockerfile', 'a.tgz']) {
    const context = await fetchContext(`${server.url}/${name}`, {
      cacheDirectory: join(scene.directory, 'build'),
      env: {},
      signal: new AbortController().signal,
    })
    expect(readFileSync(join(context, 'Dockerfile'), 'utf8')).toBe('FROM scratch\n')
  }
})
