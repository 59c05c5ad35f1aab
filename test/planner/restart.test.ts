import { describe, expect, test } from 'vitest'
import { decideRestart, FIRST_RUN, type Exit, type RestartPolicy } from '../../src/planner/index.ts'

/** Delays before the restarts that follow runs of these lengths, until the policy gives up. */
function delays(policy: RestartPolicy, runsMs: readonly number[], exitCode = 1): number[] {
  const found: number[] = []
  let memory = FIRST_RUN
  for (const ranMs of runsMs) {
    const decision = decideRestart({ policy, memory, ranMs, exitCode, stoppedByUser: false })
    if (decision.kind === 'stay') break
    ;({ memory } = decision)
    found.push(memory.delayMs)
  }
  return found
}

function decide(policy: RestartPolicy, exit: Partial<Exit> = {}): string {
  const whole = { policy, memory: FIRST_RUN, ranMs: 0, exitCode: 1, stoppedByUser: false, ...exit }
  const decision = decideRestart(whole)
  return decision.kind === 'stay' ? decision.reason : 'restart'
}

const ALWAYS = { condition: 'always' } as const
const ON_FAILURE = { condition: 'on-failure' } as const

describe('delays of decideRestart()', () => {
  test('decideRestart() doubles the delay from 100 ms to a minute', () => {
    expect(
      delays(
        ALWAYS,
        Array.from({ length: 12 }, () => 0),
      ),
    ).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000])
  })
  test('decideRestart() starts over after a run of 10 s, not of less', () => {
    expect(delays(ALWAYS, [0, 0, 9_999, 10_000, 0])).toEqual([100, 200, 400, 100, 200])
  })
  test('decideRestart() takes the delay of deploy.restart_policy as it is', () => {
    expect(delays({ ...ALWAYS, delayMs: 5000 }, [0, 0, 60_000])).toEqual([5000, 5000, 5000])
  })
  test('decideRestart() waits 100 ms even when the policy says 0', () => {
    expect(delays({ ...ALWAYS, delayMs: 0 }, [0])).toEqual([100])
  })
  test('decideRestart() gives up after attemptsMax, which a long run does not reset', () => {
    expect(delays({ ...ON_FAILURE, attemptsMax: 2 }, [0, 20_000, 20_000])).toEqual([100, 100])
  })
  test('decideRestart() forgets attempts after a run as long as the window', () => {
    const policy = { ...ON_FAILURE, attemptsMax: 1, windowMs: 500 }
    expect(delays(policy, [0, 500, 499])).toEqual([100, 200])
  })
})

describe('verdicts of decideRestart()', () => {
  test.each([
    [{ condition: 'no' }, {}, 'restart is "no"'],
    [{ condition: 'always' }, { exitCode: 0 }, 'restart'],
    [{ condition: 'unless-stopped' }, { exitCode: 0 }, 'restart'],
    [{ condition: 'on-failure' }, { exitCode: 1 }, 'restart'],
    [{ condition: 'on-failure' }, { exitCode: 137 }, 'restart'],
    [{ condition: 'on-failure' }, { exitCode: 0 }, 'completed'],
    [{ condition: 'always' }, { stoppedByUser: true }, 'stopped by hand'],
    [{ condition: 'unless-stopped' }, { stoppedByUser: true }, 'stopped by hand'],
    [{ condition: 'on-failure', attemptsMax: 0 }, {}, 'gave up after 0 restarts'],
  ] as const)('decideRestart(%o, %o) is: %s', (policy, exit, expected) => {
    expect(decide(policy, exit)).toBe(expected)
  })
})
