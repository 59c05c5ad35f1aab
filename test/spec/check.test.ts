import { describe, expect, test } from 'vitest'
import { errors, load, problems, warnings } from './stack.ts'

/** Rules that a service `web` breaks; other services are `db` and `job`, profile `later`. */
function broken(web: string, rest = ''): readonly string[] {
  const others = '  db: {image: x}\n  job: {image: x, profiles: [later]}\n'
  return errors(`services:\n${others}  web: ${web}\n${rest}`).map(
    ({ rule, line }) => `${rule}:${line}`,
  )
}

/** The first error of a service with these `ulimits`. */
const limited = (limits: string) => errors(`services: {a: {image: x, ulimits: ${limits}}}`)[0]

describe('loadStack() checks', () => {
  test.each([
    ['{user: "1"}', 'no-image:4'],
    ['{image: x, networks: [n]}', 'unknown-network:4'],
    ['{image: x, volumes: ["v:/v"]}', 'unknown-volume:4'],
    ['{image: x, secrets: [s]}', 'unknown-secret:4'],
    ['{image: x, configs: [c]}', 'unknown-config:4'],
    ['{image: x, models: [m]}', 'unknown-model:4'],
    ['{build: {context: ., secrets: [s]}}', 'unknown-build-secret:4'],
    ['{image: x, depends_on: [dbb]}', 'unknown-service:4'],
    ['{image: x, depends_on: [job]}', 'dependency-disabled:4'],
    ['{image: x, network_mode: "service:nobody"}', 'unknown-service:4'],
    ['{image: x, network_mode: host, networks: [default]}', 'network-mode:4'],
    ['{image: x, userns_mode: "service:nobody"}', 'unknown-service:4'],
    ['{image: x, userns_mode: auto, pid: host}', 'userns-mode:4'],
    ['{image: x, userns_mode: private, network_mode: host}', 'userns-mode:4'],
    ['{image: x, userns_mode: auto, ipc: "service:db"}', 'userns-mode:4'],
    ['{image: x, healthcheck: {test: [curl, x]}}', 'health-test:4'],
    ['{image: x, scale: 2, deploy: {replicas: 3}}', 'scale-conflict:4'],
    ['{image: x, scale: -1}', 'invalid-value:4'],
    ['{image: x, cgroup_parent: a/../../b}', 'invalid-value:4'],
    ['{image: x, cgroup_parent: tsstack/x}', 'invalid-value:4'],
    ['{image: x, cgroup_parent: a--b.slice}', 'invalid-value:4'],
    ['{image: x, scale: 2, container_name: one}', 'container-name-scaled:4'],
    ['{image: x, mem_limit: 1g, deploy: {resources: {limits: {memory: 2g}}}}', 'limit-conflict:4'],
    ['{image: x, pids_limit: 5, deploy: {resources: {limits: {cpus: "1"}}}}', 'limit-conflict:4'],
    ['{image: x, tmpfs: /t, volumes: ["/a:/t"]}', 'target-twice:4'],
    ['{image: x, ports: [{target: 80, host_ip: nowhere}]}', 'invalid-port:4'],
    ['{image: x, volumes: [{type: bind, target: /x}]}', 'invalid-volume:4'],
    ['{build: {context: ., dockerfile: a, dockerfile_inline: b}}', 'dockerfile-twice:4'],
    ['{build: {context: ., platforms: [linux/arm64]}, platform: linux/amd64}', 'platform:4'],
    ['{build: {context: ., additional_contexts: {a: "service:db"}}}', 'build-context:4'],
    ['{image: x, gpus: [{count: 1, device_ids: ["0"]}]}', 'invalid-device:4'],
    ['{image: x, develop: {watch: [{path: "", action: rebuild}]}}', 'invalid-value:4'],
    ['{image: x, develop: {watch: [{path: ., action: sync}]}}', 'watch-target:4'],
    ['{image: x, develop: {watch: [{path: ., action: sync+exec}]}}', 'watch-target:4'],
    ['{image: x, ports: [80.5]}', 'invalid-port:4'],
    ['{image: x, ulimits: {FOO: 1}}', 'invalid-name:4'],
    ['{image: x, ulimits: {nofiles: 1}}', 'ulimit:4'],
    ['{image: x, ulimits: {nofile: {soft: 2, hard: 1}}}', 'ulimit:4'],
    ['{image: x, ulimits: {nofile: {soft: -1, hard: 1}}}', 'ulimit:4'],
    ['{image: x, volumes: [{type: tmpfs, target: /t, tmpfs: {size: -1}}]}', 'invalid-value:4'],
    ['{image: x, post_start: [{user: a}]}', 'invalid-value:4'],
  ])('refuse %s', (web, problem) => {
    expect(broken(web)).toContain(problem)
  })

  test('take a pre_start without a command, and a watch that rebuilds without a target', () => {
    const web =
      '{image: x, pre_start: [{image: y}], develop: {watch: [{path: ., action: rebuild}]}}'
    expect(broken(web)).toEqual([])
  })

  test('say which limits there are, and how they are written', () => {
    expect(limited('{FOO: 1}')?.message).toBe(
      'Cannot use "FOO" as a name in services.a.ulimits: ' +
        'it needs lower-case letters only, as in "nofile"',
    )
    expect(limited('{nofiles: 1}')).toMatchObject({
      message: expect.stringMatching(/^Cannot limit "nofiles" of "a": .*; there are as, core, /),
      hint: 'did you mean "nofile"?',
    })
    const fine = '{nofile: {soft: 1, hard: -1}, memlock: -1, nice: {soft: 1, hard: 1}}'
    expect(limited(fine)).toBeUndefined()
  })

  test('want something to run of a hook that has no image of its own', () => {
    expect(broken('{image: x, post_start: [{command: a}, {command: []}]}')).toEqual([
      'hook-command:4',
    ])
  })

  test('call a label file what it is', () => {
    expect(errors('services: {a: {image: x, label_file: none}}')[0]?.message).toBe(
      'Cannot read the label file "none": no such file',
    )
  })

  test.each([
    ['secrets: {s: {}}', 'no-source:5'],
    ['secrets: {s: {file: a, environment: B}}', 'several-sources:5'],
    ['configs: {c: {content: a, file: b}}', 'several-sources:5'],
    ['volumes: {v: {external: true, driver: x}}', 'external-conflict:5'],
    ['networks: {n: {external: {name: a}, name: b}}', 'name-conflict:5'],
  ])('refuse %s at the top level', (rest, problem) => {
    expect(broken('{image: x}', rest)).toContain(problem)
  })

  test('find every cycle once, whatever its length, at a line that is part of it', () => {
    const found = errors(
      'services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [c]}\n  c: {image: x, depends_on: [a]}\n  d: {image: x, depends_on: [d]}\n',
    )
    expect(found.map(({ message }) => message.split(': ').at(-1))).toEqual([
      'a -> b -> c -> a',
      'd -> d',
    ])
  })

  test('find a container name that is used twice', () => {
    expect(
      problems(
        'services:\n  a: {image: x, container_name: ab}\n  b: {image: x, container_name: ab}\n',
      ),
    ).toEqual(['container-name-twice compose.yaml:3:33'])
  })

  test('allow an optional dependency on an inactive service', () => {
    const text =
      'services:\n  a: {image: x, depends_on: {b: {condition: service_started, required: false}}}\n  b: {image: x, profiles: [p]}\n'
    expect(Object.keys(load(text).stack.services)).toEqual(['a'])
  })

  test('can be left out', () => {
    expect(
      load('services: {a: {user: "1"}}', { phases: { consistency: false } }).stack.services['a']
        ?.user,
    ).toBe('1')
  })
})

describe('loadStack() on the schema', () => {
  test.each([
    ['services:\n  web:\n    imge: x\n', 'unknown-key', 3, 'did you mean "image"?'],
    [
      'services:\n  web:\n    image: x\n    enviroment: {}\n',
      'unknown-key',
      4,
      'did you mean "environment"?',
    ],
    [
      'services:\n  web:\n    image: x\n    deploy: {resurces: {}}\n',
      'unknown-key',
      4,
      'did you mean "resources"?',
    ],
    ['servces: {}\n', 'unknown-key', 1, 'did you mean "services"?'],
    [
      'services:\n  web:\n    image: x\n    depends_on: {db: {}}\n',
      'invalid-value',
      4,
      'condition',
    ],
    ['services:\n  web:\n    image: [x]\n', 'invalid-value', 3, 'a string'],
    ['services:\n  web:\n    image: x\n    user: 1000\n', 'invalid-value', 4, 'a string'],
    ['services:\n  web:\n    image: x\n    ports: 80\n', 'invalid-value', 4, 'a list'],
    [
      'services:\n  web:\n    image: x\n    cgroup: mine\n',
      'invalid-value',
      4,
      '"host", "private"',
    ],
    [
      'services:\n  web:\n    image: x\n    oom_score_adj: 2000\n',
      'invalid-value',
      4,
      'less than or equal to 1000',
    ],
    ['services:\n  web:\n    image: x\n    security_opt: [a, a]\n', 'invalid-value', 4, 'unique'],
    ['services:\n  "a b": {image: x}\n', 'invalid-name', 2, 'letters'],
    [
      'services:\n  web:\n    image: x\n    environment: {D: 2001-02-03}\n',
      'invalid-value',
      4,
      'the date 2001-02-03',
    ],
    ['services:\n  web:\n    image: x\n    mem_limit: lots\n', 'invalid-value', 4, '"lots"'],
    [
      'services:\n  web:\n    image: x\n    stop_grace_period: soon\n',
      'invalid-value',
      4,
      'a duration',
    ],
    ['services: []\n', 'invalid-value', 1, 'a mapping'],
    ['just text\n', 'invalid-type', 1, 'mapping'],
    ['# nothing\n', 'empty', undefined, 'empty'],
  ])('refuses %j', (text, rule, line, word) => {
    const found = errors(text)
    const error = found.find((each) => each.rule === rule && each.line === line)
    expect(found.map((each) => `${each.rule} ${each.line}: ${each.message}`)).not.toEqual([])
    expect(`${error?.message} ${error?.hint}`).toContain(word)
  })

  test('reports five mistakes as five diagnostics, each at its place', () => {
    const text =
      'services:\n  web:\n    imge: x\n    ports: ["80:abc"]\n    mem_limit: lots\n  db:\n    image: y\n    depends_on: [webb]\n    privileged: maybe\n'
    expect(problems(text).toSorted()).toEqual([
      'invalid-port compose.yaml:4:13',
      'invalid-value compose.yaml:5:16',
      'invalid-value compose.yaml:9:17',
      'unknown-key compose.yaml:3:5',
      'unknown-service compose.yaml:8:18',
    ])
  })

  test('allows x- keys everywhere', () => {
    const text =
      'x-a: 1\nservices: {web: {image: x, x-b: 1, ports: [{target: 80, x-c: 1}], deploy: {x-d: {}}}}\nnetworks: {default: {x-e: 1}}\n'
    expect(load(text).stack['x-a']).toBe(1)
  })

  test('warns of every key without effect, and makes errors of warnings when asked', () => {
    const text =
      'services: {web: {image: x, cpu_count: 2, deploy: {placement: {constraints: [a==b]}, replicas: 2}, credential_spec: {file: a}}}\n'
    expect(warnings(text)).toEqual(['no-effect', 'no-effect', 'no-effect'])
    expect(errors(text, { strict: true }).map(({ rule }) => rule)).toEqual([
      'no-effect',
      'no-effect',
      'no-effect',
    ])
    expect(
      warnings(
        'services: {web: {image: x, tty: false, ipc: private, logging: {driver: json-file}}}\n',
      ),
    ).toEqual([])
  })
})

test('a service whose base cannot be found is one error, not two', () => {
  expect(problems('services: {a: {extends: {service: b}}}')).toEqual(['extends compose.yaml:1:35'])
})

const two = (one: string, other: string, more = '') =>
  `services:\n  web: {image: x, ports: ${one}}\n  api: {image: x, ports: ${other}${more}}\n`
const shared = (text: string) => load(text).diagnostics.filter(({ rule }) => rule === 'shared-port')

describe('one port of the machine', () => {
  test('of two services is warned of once, with the places of both', () => {
    const [warning, ...more] = shared(two('["8080:80"]', '["9:9", "8080:81"]'))
    expect(more).toEqual([])
    expect(warning).toMatchObject({
      severity: 'warning',
      file: 'compose.yaml',
      line: 3,
      message:
        '"web" and "api" publish one port of the machine, 8080/tcp: its clients are led to them in turns',
      related: [{ message: '"web" publishes it at', file: 'compose.yaml', line: 2 }],
    })
  })

  test('of three services is one warning, with all places', () => {
    const text = `${two('["8080:80"]', '["8080:80"]')}  old: {image: x, ports: ["8080:80"]}\n`
    expect(shared(text)).toMatchObject([
      { message: expect.stringContaining('"web", "api" and "old"'), related: [{}, {}] },
    ])
  })

  test.each([
    ['0.0.0.0 is every address', '["8080:80"]', '["0.0.0.0:8080:80"]', 1],
    ['one address', '["127.0.0.1:8080:80"]', '["127.0.0.1:8080:80"]', 1],
    ['two ports of two protocols', '["8080:80"]', '["8080:80/udp"]', 0],
    ['two addresses', '["127.0.0.1:8080:80"]', '["127.0.0.2:8080:80"]', 0],
    ['ranges, of which each takes one that is free', '["8080-8090:80"]', '["8080-8090:80"]', 0],
    ['any free port', '["80"]', '["80"]', 0],
  ])('%s', (_, one, other, count) => {
    expect(shared(two(one, other))).toHaveLength(count)
  })

  test('of replicas, or of a service that says it is meant, is no matter', () => {
    expect(shared('services: {web: {image: x, scale: 2, ports: ["8080:80"]}}')).toEqual([])
    const meant = ', x-tsstack: {shared-ports: true}'
    expect(shared(two('["8080:80"]', '["8080:80"]', meant))).toEqual([])
    expect(shared(two('["8080:80"]', '["8080:80"]', ', profiles: [later]'))).toEqual([])
    const wrong = two('["8080:80"]', '["8080:80"]', ', x-tsstack: {shared-ports: maybe}')
    expect(errors(wrong)).toMatchObject([{ rule: 'invalid-x-tsstack', line: 3 }])
  })
})
