/** A TypeScript program and all it imports as one JavaScript file, which starts at once. */
import { rolldown } from 'rolldown'

export async function bundle(source: string, target: string): Promise<void> {
  const build = await rolldown({
    input: source,
    platform: 'node',
    // It finds its binary beside its own files, and the bundle is somewhere else.
    external: (name) => name === 'koffi',
    transform: { target: 'node24' },
  })
  await build.write({
    file: target,
    format: 'esm',
    codeSplitting: false,
    paths: { koffi: import.meta.resolve('koffi') },
  })
  await build.close()
}
