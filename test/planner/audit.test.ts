/** What an audit finds in a stack. */
import { describe, expect, test } from 'vitest'
import { audit } from '../../src/planner/index.ts'
import { desired } from './stack.ts'

const options = { defaultCapabilities: ['CHOWN', 'KILL', 'MKNOD'] }

function audited(fields: string) {
  const [service] = audit(desired(`web: { ${fields} }`), options)
  if (service === undefined) throw new Error('There is no service')
  return service
}

const rules = (fields: string, severity: string): readonly string[] =>
  audited(fields)
    .findings.filter((each) => each.severity === severity)
    .map(({ rule }) => rule)

describe('audit()', () => {
  test.for([
    ['privileged: true', 'privileged'],
    ['security_opt: [seccomp=unconfined]', 'seccomp-unconfined'],
    ['security_opt: [systempaths=unconfined]', 'systempaths-unconfined'],
    ['pid: host', 'host-pid'],
    ['cap_add: [SYS_ADMIN]', 'capability'],
    ['cap_add: [ALL]', 'capability'],
    ['volumes: [{ type: bind, source: /, target: /host }]', 'host-path'],
    ['volumes: [{ type: bind, source: /etc/cron.d, target: /x }]', 'host-path'],
    [
      'volumes: [{ type: bind, source: /var/run/docker.sock, target: /s, read_only: true }]',
      'engine-socket',
    ],
    ['devices: [{ source: /dev/sda1 }]', 'device'],
    ["device_cgroup_rules: ['a *:* rwm']", 'device-rule'],
  ])('calls { %s } high', ([fields = '', rule]) => {
    expect(rules(fields, 'high')).toEqual([rule])
  })

  test.for([
    ['ipc: host', 'host-ipc'],
    ['network_mode: host', 'host-network'],
    ['cap_add: [NET_ADMIN]', 'capability'],
    ['volumes: [{ type: bind, source: /etc, target: /x, read_only: true }]', 'host-path'],
    ['devices: [{ source: /dev/fuse }]', 'device'],
    ['gpus: [{ count: -1 }]', 'device'],
    ['environment: { DB_PASSWORD: x }', 'secret-in-environment'],
  ])('calls { %s } medium', ([fields = '', rule]) => {
    expect(rules(fields, 'medium')).toEqual([rule])
    expect(rules(fields, 'high')).toEqual([])
  })

  test('takes a user namespace into account, but not for the files of the host', () => {
    expect(audited('pid: host').userNamespace).toBe('host')
    const mapped = 'userns_mode: auto, cap_add: [SYS_ADMIN, NET_ADMIN]'
    expect(audited(mapped).userNamespace).toBe('own')
    expect([rules(mapped, 'high'), rules(mapped, 'medium')]).toEqual([[], []])
    expect(rules(mapped, 'low')).toEqual(expect.arrayContaining(['capability', 'capability']))
    expect(rules(mapped, 'low')).not.toContain('root-user')
    expect(rules('userns_mode: auto, privileged: true', 'medium')).toEqual(['privileged'])
    const bind = 'volumes: [{ type: bind, source: /, target: /host }]'
    expect(rules(`userns_mode: auto, ${bind}`, 'high')).toEqual(['host-path'])
  })

  test('finds nothing in a service that is hardened', () => {
    const service = audited(
      "user: '1000', security_opt: ['no-new-privileges:true'], mem_limit: 64m, cap_drop: [ALL], " +
        'environment: { DB_PASSWORD_FILE: /run/secrets/db }, ' +
        'volumes: [{ type: bind, source: /srv/www, target: /www, read_only: true }]',
    )
    expect(service.findings).toEqual([])
    expect(service.capabilities).toEqual([])
  })

  test('shows what a service has, with the defaults of the engine', () => {
    expect(
      audited('cap_add: [NET_ADMIN], cap_drop: [MKNOD], pid: "service:db", uts: host'),
    ).toMatchObject({
      service: 'web',
      privileged: false,
      capabilities: ['CHOWN', 'KILL', 'NET_ADMIN'],
      seccomp: 'default',
      sharedNamespaces: ['pid=service:db', 'uts'],
    })
    expect(audited('privileged: true')).toMatchObject({
      capabilities: ['ALL'],
      seccomp: 'unconfined',
      devices: ['all'],
    })
  })

  test('never tells a secret', () => {
    expect(JSON.stringify(audited('environment: { API_TOKEN: hunter2 }'))).not.toContain('hunter2')
  })
})
