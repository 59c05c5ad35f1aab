/** Registries: Debian's own, with and without TLS and passwords, and ones that misbehave. */
import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { file, tar } from '../image/archive.ts'
import { writeLayout } from '../image/layout.ts'
import { PROJECT, saidBy, type Finished, type Sandbox, succeeded } from '../support/sandbox.ts'
import { Scene } from './cli-scene.ts'

let scene: Scene
let sandbox: Sandbox
const servers: ChildProcess[] = []
beforeEach(async () => {
  scene = await Scene.open()
  ;({ sandbox } = scene)
})
afterEach(async () => {
  for (const server of servers.splice(0)) server.kill('SIGKILL')
  await scene.close()
})

/** Deterministic bytes that do not pack well. */
function noise(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  for (let at = 0, seed = 1; at < bytes; at += 1) {
    seed = (seed * 1103515245 + 12345) % 2147483648
    buffer[at] = seed >> 16
  }
  return buffer
}

const LAYERS = [tar([{ ...file('noise'), content: noise(300_000) }]), tar([file('hello', 'world')])]

/** htpasswd -Bbn user secret */
const PASSWORDS = 'user:$2y$05$RiMmHECTprSOw4JoNYwcBOy2cd1miIDJONkUD1at/wnOrN4PWQ7y6\n'

/** Runs in the sandbox; `env` keeps credentials out of the real home. */
const run = (...words: readonly string[]): Promise<Finished> =>
  sandbox.tsstack(words, { cwd: scene.folder, env: environment() })
const environment = () => ({
  HOME: scene.folder,
  TSSTACK_REGISTRIES: join(scene.folder, 'registries.json'),
})

async function ok(...words: readonly string[]): Promise<Finished> {
  const result = await run(...words)
  succeeded(result, words.join(' '))
  return result
}

async function serve(words: readonly string[]): Promise<void> {
  const server = spawn('nsenter', [`--net=${sandbox.netns}`, '--', ...words], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  servers.push(server)
  if (words[0] === process.execPath) await once(server.stdout, 'data')
}

async function serveRegistry(port: number, more: object = {}, tls: object = {}): Promise<void> {
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(scene.folder, `registry-${port}`) } },
    http: { addr: `127.0.0.1:${port}`, ...('certificate' in tls ? { tls } : {}) },
    ...more,
  }
  const path = join(scene.folder, `registry-${port}.json`)
  writeFileSync(path, JSON.stringify(config))
  await serve(['docker-registry', 'serve', path])
  const scheme = 'certificate' in tls ? 'https' : 'http'
  const wait = ['--retry', '50', '--retry-delay', '0', '--retry-connrefused']
  await sandbox.inNetns(['curl', '-ks', ...wait, `${scheme}://127.0.0.1:${port}/v2/`])
}

async function serveOdd(): Promise<void> {
  const layout = writeLayout(join(scene.folder, 'layout'), { layers: LAYERS })
  const script = join(PROJECT, 'test/image/odd-registry.ts')
  await serve([process.execPath, script, '5009', layout])
}

function settings(object: object = {}): void {
  writeFileSync(join(scene.folder, 'registries.json'), JSON.stringify(object))
}

const skopeo = (...words: readonly string[]): Promise<Finished> =>
  sandbox.inNetns(['skopeo', '--insecure-policy', ...words], { cwd: scene.folder })

/** Files of the store that are parts of images, by kind. */
const kept = (part: string): readonly string[] =>
  readdirSync(join(sandbox.root, 'state/images', part))

describe('a registry', () => {
  beforeEach(() => settings())

  test('what skopeo has sent is pulled, what we send skopeo takes, digest and all', async () => {
    await serveRegistry(5000)
    const layout = writeLayout(join(scene.folder, 'layout'), { layers: LAYERS, tag: 'v1' })
    const copied = await skopeo(
      'copy', '-q', '--dest-tls-verify=false', `oci:${layout}:v1`, 'docker://127.0.0.1:5000/a/b:1',
    ) // oxfmt-ignore
    succeeded(copied)
    const { stdout } = await ok('image', 'pull', '127.0.0.1:5000/a/b:1')
    const digest = /sha256:\w+/.exec(stdout)?.[0] ?? ''
    await ok('tag', '127.0.0.1:5000/a/b:1', '127.0.0.1:5000/c:2')
    await ok('push', '--image', '127.0.0.1:5000/c:2')
    const seen = await skopeo('inspect', '--tls-verify=false', 'docker://127.0.0.1:5000/c:2')
    expect(JSON.parse(seen.stdout)).toMatchObject({ Digest: digest })
    await ok('image', 'pull', `127.0.0.1:5000/c@${digest}`)
    await ok('image', 'prune', '--all')
    expect([kept('blobs'), kept('layers'), kept('images')]).toEqual([[], [], []])
  })

  test('says for config what an image is there now, alone or in the stack', async () => {
    await serveRegistry(5000)
    const layout = writeLayout(join(scene.folder, 'layout'), { layers: LAYERS, tag: 'v1' })
    await skopeo(
      'copy', '-q', '--dest-tls-verify=false', `oci:${layout}:v1`, 'docker://127.0.0.1:5000/a/b:1',
    ) // oxfmt-ignore
    const seen = await skopeo('inspect', '--tls-verify=false', 'docker://127.0.0.1:5000/a/b:1')
    const { Digest: digest } = JSON.parse(seen.stdout)
    const image = `127.0.0.1:5000/a/b:1@${digest}`
    scene.save(
      'compose.yaml',
      "name: pins\nservices:\n  web: { image: '127.0.0.1:5000/a/b:1' }\n" +
        `  fixed: { image: '127.0.0.1:5000/no/such@${digest}' }\n` +
        "  here: { image: 'host:' }\n  own: { image: '127.0.0.1:5000/own', build: . }\n",
    )
    const locked = (await ok('config', '--lock-image-digests')).stdout
    expect(locked).toBe(
      `services:\n  fixed:\n    image: "127.0.0.1:5000/no/such@${digest}"\n  web:\n    image: "${image}"\n`,
    )
    scene.save('lock.yaml', locked)
    const words = ['-f', 'compose.yaml', '-f', 'lock.yaml', 'config', '--images']
    expect((await ok(...words)).stdout).toContain(`${image}\n`)
    const { services } = JSON.parse(
      (await ok('config', '--resolve-image-digests', '--format', 'json')).stdout,
    )
    expect([services.web.image, services.here.image, services.own.image]).toEqual([
      image,
      'host:',
      '127.0.0.1:5000/own',
    ])
    scene.replace('no/such@', 'no/such:2 #')
    scene.replace('a/b:1', 'a/c')
    const missing = await run('config', '--resolve-image-digests')
    expect(missing.code).toBe(1)
    for (const name of ['no/such:2', 'a/c:latest']) expect(missing.stderr).toContain(name)
  })

  test('with TLS and passwords wants an authority and a login', async () => {
    const own = join(scene.folder, 'tls')
    mkdirSync(own)
    execFileSync('openssl', [
      'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=registry.test',
      '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', join(own, 'key'),
      '-out', join(own, 'crt'),
    ], { stdio: 'ignore' }) // oxfmt-ignore
    writeFileSync(join(own, 'users'), PASSWORDS)
    const auth = { auth: { htpasswd: { realm: 'test', path: join(own, 'users') } } }
    const tls = { certificate: join(own, 'crt'), key: join(own, 'key') }
    await serveRegistry(5000, auth, tls)
    settings({ certificates: { 'localhost:5000': join(own, 'crt') } })
    const stranger = await run('image', 'pull', 'localhost:5000/a')
    expect(saidBy(stranger)).toContain('asks who we are (401)')
    expect(saidBy(stranger)).toContain('tsstack login localhost:5000')
    expect(stranger.code).toBe(1)
    const words = ['login', '-u', 'user', '--password-stdin', 'localhost:5000']
    const options = { cwd: scene.folder, env: environment() }
    const wrong = await sandbox.tsstack(words, { ...options, input: 'guess' })
    expect([wrong.code, wrong.stderr.includes('refuses our credentials')]).toEqual([1, true])
    expect(await sandbox.tsstack(words, { ...options, input: 'secret\n' })).toMatchObject({
      code: 0,
    })
    const layout = writeLayout(join(scene.folder, 'image'), { layers: LAYERS })
    const archive = join(scene.folder, 'image.tar')
    execFileSync('tar', ['-C', layout, '-cf', archive, '.'])
    await ok('load', '-i', archive, '--name', 'localhost:5000/a:1')
    await ok('push', '--image', 'localhost:5000/a:1')
    await ok('rmi', 'localhost:5000/a:1')
    await ok('image', 'pull', 'localhost:5000/a:1')
    await ok('logout', 'localhost:5000')
    expect((await run('image', 'pull', 'localhost:5000/a:1')).code).toBe(1)
    settings()
    expect(saidBy(await run('image', 'pull', '127.0.0.2:5000/a:1'))).toContain('ECONNREFUSED')
  })

  test('a mirror comes first, and the registry when it fails', async () => {
    await serveRegistry(5000)
    await serveRegistry(5001)
    const layout = writeLayout(join(scene.folder, 'layout'), { layers: LAYERS, tag: 'v1' })
    for (const place of ['127.0.0.1:5000/only/there:1', '127.0.0.1:5001/both:1']) {
      await skopeo('copy', '-q', '--dest-tls-verify=false', `oci:${layout}:v1`, `docker://${place}`)
    }
    settings({ mirrors: { '127.0.0.1:5000': ['http://127.0.0.1:5001'] } })
    const fromMirror = await ok('image', 'pull', '127.0.0.1:5000/both:1')
    expect(fromMirror.stderr).not.toContain('mirror')
    const fromItself = await ok('image', 'pull', '127.0.0.1:5000/only/there:1')
    expect(fromItself.stderr).toContain('mirror http://127.0.0.1:5001')
  })
})

/** Keeps one secret in a file, as docker-credential-* programs speak. */
const HELPER = `#!/bin/sh
kept="$0.kept"
case $1 in
  store) cat >"$kept" ;;
  get) read -r server
    [ -f "$kept" ] && sed "s|^|$server |" "$kept" >>"$0.asked" && cat "$kept" && exit
    echo "credentials not found in native keychain"; exit 1 ;;
  erase) rm -f "$kept" ;;
esac
`

/** Says on standard output that it listens, then whom it was asked for. */
const PROXY = `
const { createServer, request } = require('node:http'), { connect } = require('node:net')
const { appendFileSync } = require('node:fs'), [, file] = process.argv
const server = createServer((from, to) => {
  appendFileSync(file, from.method + ' ' + from.url + '\\n')
  const { pathname, port, search } = new URL(from.url)
  const { method, headers } = from
  const options = { host: '127.0.0.1', port, path: pathname + search, method, headers }
  from.pipe(request(options, (answer) => {
    to.writeHead(answer.statusCode, answer.headers)
    answer.pipe(to)
  }))
})
server.on('connect', ({ url }, socket) => {
  appendFileSync(file, 'CONNECT ' + url + '\\n')
  const there = connect(Number(url.split(':')[1]), '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 OK\\r\\n\\r\\n'); there.pipe(socket).pipe(there)
  })
  for (const each of [there, socket]) each.on('error', () => { there.destroy(); socket.destroy() })
})
server.listen(3128, '127.0.0.1', () => console.log('listening'))
`

describe('how a registry is reached', () => {
  test('a credential helper is asked, told and made to forget', async () => {
    writeFileSync(join(scene.folder, 'users'), PASSWORDS)
    const realm = { realm: 'test', path: join(scene.folder, 'users') }
    await serveRegistry(5000, { auth: { htpasswd: realm } })
    settings()
    const helper = join(scene.folder, 'docker-credential-test')
    writeFileSync(helper, HELPER, { mode: 0o755 })
    mkdirSync(join(scene.folder, '.docker'))
    const config = join(scene.folder, '.docker/config.json')
    writeFileSync(config, JSON.stringify({ credHelpers: { '127.0.0.1:5000': 'test' } }))
    const env = { ...environment(), PATH: `${scene.folder}:${process.env['PATH']}` }
    const as = (words: readonly string[], input = '') =>
      sandbox.tsstack(words, { cwd: scene.folder, env, input })
    const login = ['login', '-u', 'user', '--password-stdin', '127.0.0.1:5000']
    const { code, stdout, stderr } = await as(login, 'secret')
    expect([code, stdout + stderr]).toEqual([0, expect.stringContaining('docker-credential-test')])
    expect(JSON.parse(readFileSync(`${helper}.kept`, 'utf8'))).toEqual({
      ServerURL: '127.0.0.1:5000',
      Username: 'user',
      Secret: 'secret',
    })
    expect(readFileSync(config, 'utf8')).not.toContain('auths')
    const layout = writeLayout(join(scene.folder, 'layout'), { layers: LAYERS, tag: 'v1' })
    await skopeo(
      'copy', '-q', '--dest-tls-verify=false', '--dest-creds', 'user:secret', `oci:${layout}:v1`,
      'docker://127.0.0.1:5000/a:1',
    ) // oxfmt-ignore
    succeeded(await as(['image', 'pull', '127.0.0.1:5000/a:1']))
    expect(readFileSync(`${helper}.asked`, 'utf8')).toContain('127.0.0.1:5000 {')
    succeeded(await as(['logout', '127.0.0.1:5000']))
    const stranger = await as(['image', 'pull', '127.0.0.1:5000/a:1'])
    expect(stranger.stderr).toContain('asks who we are (401)')
    writeFileSync(config, JSON.stringify({ credsStore: 'nowhere' }))
    const without = await as(['image', 'pull', '127.0.0.1:5000/a:1'])
    expect(without.stderr).toContain('Cannot ask docker-credential-nowhere for credentials')
  })

  test('through a proxy, also where names mean nothing here; NO_PROXY goes around it', async () => {
    await serveRegistry(5000)
    const seen = join(scene.folder, 'seen')
    await serve([process.execPath, '-e', PROXY, seen])
    settings({ 'insecure-registries': ['registry.test:5000'] })
    const layout = writeLayout(join(scene.folder, 'layout'), { layers: LAYERS, tag: 'v1' })
    const place = 'docker://127.0.0.1:5000/a:1'
    await skopeo('copy', '-q', '--dest-tls-verify=false', `oci:${layout}:v1`, place)
    const proxy = 'http://127.0.0.1:3128'
    const image = 'registry.test:5000/a:1'
    const by = (env: object, words: readonly string[]) =>
      sandbox.tsstack(words, { cwd: scene.folder, env: { ...environment(), ...env } })
    const both = { HTTP_PROXY: proxy, HTTPS_PROXY: proxy }
    const around = await by({ ...both, NO_PROXY: 'registry.test' }, ['image', 'pull', image])
    expect(around.code).toBe(1)
    succeeded(await by(both, ['image', 'pull', image]))
    const lines = readFileSync(seen, 'utf8')
    expect(lines).toContain('CONNECT registry.test:5000')
    expect(lines).toContain('GET http://registry.test:5000/v2/a/manifests/1')
    // As `up` fetches: the supervisor's worker is told of the caller's proxies.
    await ok('image', 'prune', '--all')
    const stack = { name: 'p', services: { web: { image, command: 'true', network_mode: 'none' } } }
    writeFileSync(join(scene.folder, 'compose.yaml'), JSON.stringify(stack))
    const up = await by({ http_proxy: proxy, https_proxy: proxy }, ['create'])
    expect(up.stderr).toContain(`image ${image}: ready`)
  })
})

const pull = (how: string): Promise<Finished> => run('image', 'pull', `127.0.0.1:5009/${how}/image`)

describe('a registry that misbehaves', () => {
  beforeEach(async () => {
    settings()
    await serveOdd()
  })

  test.each(['cut', 'whole', 'busy', 'limited', 'moved'])('%s: is borne with', async (how) => {
    succeeded(await pull(how))
    expect(kept('partial')).toEqual([])
    if (how !== 'moved') return
    const seen = await sandbox.curl('http://127.0.0.1:5009/seen')
    const asked = seen.split('\n').filter((line) => line.includes('/plain/'))
    expect(asked.length).toBeGreaterThan(0)
    expect(asked.filter((line) => !line.endsWith(' -'))).toEqual([])
  })

  test.each([
    ['forbidden', '(403)'],
    ['unknown', 'lacks its part'],
    ['wrong', 'have the digest'],
    ['long', 'bytes'],
    ['huge', 'more than 4194304 bytes'],
    ['elsewhere', 'it redirects to "http://169.254.169.254"'],
    ['circle', 'redirects more than 5 times'],
    ['realm', 'it sends us to "ftp://'],
  ])('%s: is an error, and nothing of it is used', async (how, why) => {
    const result = await pull(how)
    expect(result.code).toBe(1)
    expect(result.stderr).toContain(why)
    expect(result.stderr).not.toContain('\u001b')
    expect([kept('images'), kept('layers'), kept('drafts')]).toEqual([[], [], []])
    succeeded(await pull('plain'))
  })

  test('two pulls at once share the work', async () => {
    const both = await Promise.all([pull('plain'), pull('plain')])
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    const seen = await sandbox.curl('http://127.0.0.1:5009/seen')
    const layers = seen.split('\n').filter((line) => line.includes('/plain/image/blobs/'))
    // Two layers once each; the configuration perhaps by both.
    expect(new Set(layers).size).toBe(3)
    expect(layers.length).toBeLessThanOrEqual(4)
    expect(readFileSync(join(sandbox.root, 'state/images/names.json'), 'utf8')).toContain('plain')
  })
})
