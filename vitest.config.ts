import { defineConfig } from 'vitest/config'

// fast: pure, no root. kernel: real namespaces, mounts, netlink, as root. e2e: the built command line, as root.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'fast',
          include: [
            'test/{spec,planner,cli,fast}/**/*.test.ts',
            'test/*.test.ts',
            'test/{linux,net,engine,daemon}/**/*.fast.test.ts',
          ],
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['test/{linux,net,engine,daemon,support}/**/*.kernel.test.ts'],
          pool: 'forks',
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
