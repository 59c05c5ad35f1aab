// npm run demo: brings the shop up on this machine, looks at it, and takes it down again.
// Asks nothing, installs nothing, downloads nothing; its state root is a temporary directory.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const PROJECT = resolve(import.meta.dirname, '..')
const CLI = join(PROJECT, 'bin/tsstack.js')
const STACK = 'examples/shop/stack.yaml'

if (process.getuid() !== 0) {
  console.error(
    'The demo makes containers: namespaces, mounts, networks. Run it as root:\n' +
      '    sudo env "PATH=$PATH" npm run demo\n' +
      '(plain sudo may not find a node that is installed in your home directory)',
  )
  process.exit(1)
}
process.chdir(PROJECT)
process.env.TSSTACK_ROOT = mkdtempSync(join(tmpdir(), 'tsstack-demo-'))
process.env.SHOP_PORT = String(await freePort(8080))
const url = `http://localhost:${process.env.SHOP_PORT}`

let failure
try {
  if (!existsSync('dist')) await show('npm run build', 'npm', ['run', '--silent', 'build'])
  await demonstrate()
} catch (error) {
  failure = error
} finally {
  await cleanUp()
}
if (failure) {
  console.error(`\nThe demo failed: ${failure.message}`)
  process.exit(1)
}
console.log('\nThat was a real stack on the real kernel, and nothing of it is left.')

async function demonstrate() {
  say('What would happen, and why')
  await tsstack(['plan', '-f', STACK], { accept: [2] }) // 2: there is something to do.
  say('Bring it up')
  await tsstack(['up', '-d', '--wait', '-f', STACK])
  await tsstack(['-f', STACK, 'ps'])
  say('Use it: web asks api, api asks store, each in its own container')
  await get('/')
  await get('/api/orders', { item: 'apples', quantity: 3 })
  await tsstack(['-f', STACK, 'logs', 'api', 'store'])
  say('Look inside: its own processes, its own host name')
  await tsstack([
    '-f',
    STACK,
    'exec',
    'web',
    'node',
    '-p',
    '`${os.hostname()} as ${os.userInfo().username}`',
  ])
  say('The same file again: nothing to do')
  await tsstack(['plan', '-f', STACK])
  say('Take it down, and its volume')
  await tsstack(['down', '-v', '-f', STACK])
}

/** Ends what a failed demo may have left, and removes its state root. */
async function cleanUp() {
  if (failure) await execute(process.execPath, [CLI, 'down', '-v', '-f', STACK], 'ignore')
  rmSync(process.env.TSSTACK_ROOT, { recursive: true, force: true })
}

function say(text) {
  console.log(`\n── ${text}`)
}

async function tsstack(words, { accept = [0] } = {}) {
  const shown = words.map((word) => (/[\s`$]/.test(word) ? `'${word}'` : word))
  await show(`tsstack ${shown.join(' ')}`, process.execPath, [CLI, ...words], accept)
}

async function show(line, program, words, accept = [0]) {
  console.log(`$ ${line}`)
  const status = await execute(program, words, 'inherit')
  if (!accept.includes(status)) throw new Error(`"${line}" ended with ${status}`)
}

function execute(program, words, output) {
  return new Promise((done, fail) => {
    spawn(program, words, { stdio: ['ignore', output, output] })
      .on('error', fail)
      .on('exit', (code) => done(code ?? 128))
  })
}

/** As curl would; the first answer may take a moment while the programs start. */
async function get(path, body) {
  console.log(`$ curl ${body ? `-d '${JSON.stringify(body)}' ` : ''}${url}${path}`)
  const end = performance.now() + 15_000
  for (;;) {
    const answer = await ask(path, body)
    if (answer?.ok) return console.log((await answer.text()).trimEnd())
    if (performance.now() > end) throw new Error(`${url}${path} does not answer`)
    await new Promise((wake) => setTimeout(wake, 50))
  }
}

async function ask(path, body) {
  try {
    const post = { method: 'POST', body: JSON.stringify(body) }
    return await fetch(url + path, body ? post : {})
  } catch {
    return undefined // Nothing listens yet.
  }
}

/** `wanted` if it is free on this machine, else one that is. */
async function freePort(wanted) {
  const server = createServer()
  const listening = (port) =>
    new Promise((done) => {
      server.once('error', () => done(false)).listen(port, () => done(true))
    })
  if (!(await listening(wanted))) await listening(0)
  const { port } = server.address()
  await new Promise((done) => server.close(done))
  return port
}
