/** Chains of ten, one of ten changed, and `run --rm`, beside a bare node. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tsstack, type Setting } from './commands.ts'
import { run, statistics, type Group, type Statistics } from './measure.ts'

const COUNT = 10

/** Each service on the one before it; the image has a busybox. */
export async function lifecycleGroup(setting: Setting): Promise<Group> {
  const rows: Record<string, Statistics> = {
    'node -e 0': await timed(setting.rounds, () => run(process.execPath, ['-e', '0'])),
    ...(await chainRows(setting, 'service_started')),
    ...(await chainRows(setting, 'service_healthy')),
    ...(await changeRow(setting)),
    ...(await runRow(setting)),
  }
  return {
    title: 'Lifecycle',
    note: 'Wall time of the whole command, with a supervisor that runs already.',
    unit: 'ms',
    yardstick: 'node -e 0',
    rows,
  }
}

type Rows = Readonly<Record<string, Statistics>>

async function chainRows(
  setting: Setting,
  condition: 'service_started' | 'service_healthy',
): Promise<Rows> {
  const file = write(setting, { name: `chain-${condition.slice(8)}`, condition })
  // Another stack keeps the supervisor there.
  const other = write(setting, { name: 'bystander' })
  await tsstack('-f', other, 'up', '-d', 's1')
  const ups: number[] = []
  for (let round = 0; round < setting.rounds; round += 1) {
    const begun = performance.now()
    await tsstack('-f', file, 'up', '-d')
    ups.push(performance.now() - begun)
    await tsstack('-f', file, 'down', '-t', '0')
  }
  await tsstack('-f', other, 'down', '-t', '0')
  return { [`up -d, chain of ${COUNT}, ${condition}`]: statistics(ups) }
}

async function changeRow(setting: Setting): Promise<Rows> {
  const file = write(setting, { name: 'changed' })
  await tsstack('-f', file, 'up', '-d')
  let round = 0
  const row = await timed(setting.rounds, () => {
    round += 1
    write(setting, { name: 'changed', value: `${round}` })
    return tsstack('-f', file, 'up', '-d', '-t', '0')
  })
  await tsstack('-f', file, 'down', '-t', '0')
  return { [`up -d, one of ${COUNT} changed`]: row }
}

async function runRow(setting: Setting): Promise<Rows> {
  const file = write(setting, { name: 'once' })
  await tsstack('-f', file, 'up', '-d', 's1')
  const row = await timed(setting.rounds, () =>
    tsstack('-f', file, 'run', '--rm', '-T', 's1', '/bin/true'),
  )
  await tsstack('-f', file, 'down', '-t', '0')
  return { 'run --rm s1 true': row }
}

async function timed(rounds: number, work: () => Promise<unknown>): Promise<Statistics> {
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const begun = performance.now()
    await work()
    times.push(performance.now() - begun)
  }
  return statistics(times)
}

function write(
  { directory, image }: Setting,
  stack: { readonly name: string; readonly condition?: string; readonly value?: string },
): string {
  const { name, condition, value = '0' } = stack
  const services = Array.from({ length: COUNT }, (_, at) => {
    const lines = [
      `  s${at + 1}:`,
      `    image: ${image}`,
      '    command: [/bin/sleep, "100000"]',
      `    environment: { VALUE: "${at === 0 ? value : '0'}" }`,
    ]
    if (condition === 'service_healthy') {
      lines.push('    healthcheck: { test: [CMD, /bin/true], interval: 1s }')
    }
    if (condition !== undefined && at > 0) {
      lines.push(`    depends_on: { s${at}: { condition: ${condition} } }`)
    }
    return lines.join('\n')
  })
  const file = join(directory, `${name}.yaml`)
  writeFileSync(file, [`name: ${name}`, 'services:', ...services, ''].join('\n'))
  return file
}
