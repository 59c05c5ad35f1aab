/** Real servers of the host's distribution, which find each other by name. */
import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { type Scene, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const PORT = 18_081

/** Where Debian has the programs of the server, which are not in the PATH. */
function postgres(): string {
  const [found] = globSync('/usr/lib/postgresql/*/bin/postgres').toSorted().toReversed()
  if (found === undefined) throw new Error('The test needs the Debian package postgresql')
  return found.replace(/\/postgres$/, '')
}

function stack(bin: string): string {
  const init =
    `${bin}/initdb -D /data/db -U app -A trust --locale=C --no-sync >/dev/null && ` +
    'echo host all all all trust >> /data/db/pg_hba.conf && ' +
    `exec ${bin}/postgres -D /data/db -h "*" -k /tmp -c fsync=off`
  return `
name: servers
services:
  web:
    image: 'host:'
    command: [nginx, -g, 'daemon off; error_log /dev/stderr;', -c, /nginx.conf]
    configs: [{ source: nginx, target: /nginx.conf }]
    ports: ["${PORT}:80"]
    tmpfs: [/var/lib/nginx]
    depends_on: { app: { condition: service_started } }
  app:
    image: 'host:'
    command: [busybox, httpd, -f, -p, "8000", -h, /etc]
  cache:
    image: 'host:'
    command: [redis-server, --save, "", --protected-mode, "no", --dir, /tmp]
    user: nobody
    healthcheck: { test: [CMD, redis-cli, ping], interval: 1s, retries: 120 }
  db:
    image: 'host:'
    user: "65534:65534"
    command: [sh, -c, ${JSON.stringify(init)}]
    tmpfs: ["/data:uid=65534,gid=65534,mode=0700"]
    healthcheck:
      test: [CMD, ${bin}/pg_isready, -h, 127.0.0.1, -U, app]
      interval: 1s
      retries: 120
  client:
    image: 'host:'
    init: true
    command: [sleep, infinity]
    depends_on:
      db: { condition: service_healthy }
      cache: { condition: service_healthy }
configs:
  nginx:
    content: |
      events {}
      http {
        access_log off;
        server {
          listen 80;
          listen [::]:80;
          location / { proxy_pass http://app:8000; }
        }
      }
`
}

test('nginx, redis and postgres serve each other and the host by their names', async () => {
  const bin = postgres()
  writeFileSync(join(scene.folder, 'compose.yaml'), stack(bin))
  await scene.ok('up', '-d', '--wait')
  const ask = async (...command: readonly string[]): Promise<string> =>
    (await scene.ok('exec', 'client', ...command)).stdout
  // They run, which is not yet to listen.
  const found = () => scene.run('exec', 'client', 'curl', '-sf', 'http://web/os-release')
  await until(async () => (await found()).stdout, /PRETTY_NAME/)
  expect(await scene.sandbox.curl(`http://127.0.0.1:${PORT}/os-release`)).toContain('PRETTY_NAME')
  expect(await ask('redis-cli', '-h', 'cache', 'set', 'key', 'value')).toBe('OK\n')
  expect(await ask('redis-cli', '-h', 'cache.servers_default', 'get', 'key')).toBe('value\n')
  const query = ['-h', 'db', '-U', 'app', '-d', 'postgres', '-Atc']
  expect(await ask(`${bin}/psql`, ...query, 'select 6 * 7')).toBe('42\n')
  // A server that is started anew has its name again, and the others find it.
  await scene.ok('restart', 'app')
  await until(async () => (await found()).stdout, /PRETTY_NAME/)
  expect(await ask('dig', '+short', 'db')).toMatch(/^10\.\d+\.\d+\.\d+\n$/)
  expect(await ask('getent', 'hosts', 'web')).toMatch(/\sweb$/m)
  await scene.ok('down', '-v')
  expect(await scene.sandbox.leaks()).toBe('')
})
