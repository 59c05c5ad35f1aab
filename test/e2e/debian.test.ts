/** Real servers of a real distribution: nginx, redis and postgres from one image of Debian's packages. */
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Scene, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

/** Fetches a hundred megabytes of packages: where mmdebstrap was installed for it. */
const canRun = ['/usr/bin/mmdebstrap', '/usr/sbin/mmdebstrap'].some((path) => existsSync(path))

const SERVERS = 'nginx-light,redis-server,postgresql'

/** A server may take its time before it answers: it is not unhealthy for that. */
const PATIENT = { interval: '1s', retries: 120 }

/** False when no package can be had here. */
function makeRootfs(path: string): boolean {
  const words = ['--quiet', '--variant=minbase', `--include=${SERVERS}`, 'bookworm']
  try {
    execFileSync('mmdebstrap', [...words, path], { stdio: 'ignore', timeout: 480_000 })
    return true
  } catch {
    return false
  }
}

test.skipIf(!canRun)(
  'nginx, redis and postgres of Debian run as a stack, and find each other',
  { timeout: 900_000 },
  async (context) => {
    const archive = join(scene.folder, 'debian.tar')
    if (!makeRootfs(archive)) context.skip('no packages can be fetched here')
    await scene.ok('import', '-c', 'CMD ["nginx", "-g", "daemon off;"]', archive, 'debian:servers')
    const stack = {
      name: 'debian',
      services: {
        web: {
          image: 'debian:servers',
          pull_policy: 'never',
          ports: ['8088:80'],
          healthcheck: { test: 'test -s /run/nginx.pid', ...PATIENT },
          depends_on: {
            store: { condition: 'service_healthy' },
            database: { condition: 'service_healthy' },
          },
        },
        store: {
          image: 'debian:servers',
          pull_policy: 'never',
          user: 'redis',
          command: 'redis-server --save "" --dir /tmp --protected-mode no',
          healthcheck: { test: ['CMD', 'redis-cli', 'ping'], ...PATIENT },
        },
        database: {
          image: 'debian:servers',
          pull_policy: 'never',
          user: 'postgres',
          command: [
            '/usr/lib/postgresql/15/bin/postgres',
            '--config-file=/etc/postgresql/15/main/postgresql.conf',
            '--data-directory=/var/lib/postgresql/15/main',
            '--listen-addresses=*',
          ],
          tmpfs: ['/var/run/postgresql:mode=1777'],
          volumes: ['data:/var/lib/postgresql'],
          healthcheck: { test: ['CMD', 'pg_isready'], ...PATIENT },
        },
      },
      volumes: { data: {} },
    }
    writeFileSync(join(scene.folder, 'compose.yaml'), JSON.stringify(stack))
    await scene.ok('up', '-d')
    expect(await scene.sandbox.curl('http://127.0.0.1:8088/')).toContain('Welcome to nginx!')
    const asked = await scene.ok('exec', 'web', 'redis-cli', '-h', 'store', 'ping')
    expect(asked.stdout).toBe('PONG\n')
    await scene.ok('exec', 'web', 'pg_isready', '-h', 'database')
    const sql = (text: string) => scene.ok('exec', 'database', 'psql', '-Atc', text)
    await sql('create table kept as select 42 as answer')
    await scene.ok('restart', 'database')
    await scene.ok('up', '-d', '--wait')
    expect((await sql('select answer from kept')).stdout).toBe('42\n')
    await scene.ok('down', '-v')
    expect(await scene.sandbox.leaks()).toBe('')
  },
)
