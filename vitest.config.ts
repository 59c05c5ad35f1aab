import { defineConfig } from 'vitest/config'

// fast: pure, no root. kernel: real namespaces, mounts, netlink, as root. e2e: the built command
// line, as root, one file after the other, when the kernel tests are done.
const setupFiles = ['test/support/safe-kill.ts']
const report = process.env['TSSTACK_TEST_REPORT']

export default defineConfig({
  test: {
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
    projects: [
      {
        test: {
          name: 'fast',
          setupFiles,
          include: [
            'test/{spec,planner,cli,fast}/**/*.test.ts',
            'test/*.test.ts',
            'test/{linux,net,image,build,engine,daemon,oci}/**/*.fast.test.ts',
          ],
          // A bound for what hangs: some look at every source, beside others on few processors.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'kernel',
          setupFiles,
          include: ['test/{linux,net,image,build,engine,daemon,support}/**/*.kernel.test.ts'],
          pool: 'forks',
          // Each compares mounts and processes of the whole machine before and after itself.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
          globalSetup: ['test/support/machine.ts'],
        },
      },
      {
        test: {
          name: 'e2e',
          setupFiles,
          include: ['test/e2e/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          // Only what hangs takes so long: every wait inside has a bound of its own that says more.
          testTimeout: 400_000,
          hookTimeout: 400_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
