/** `config --resolve-image-digests`: the images of a stack by what their registries have now. */

import { EngineError, errorText } from '../errors.ts'
import { parseImageSource, resolveName } from '../image/index.ts'
import type { Stack } from '../spec/index.ts'

/**
 * Names with digests by service. What is built here, and what comes from no registry, has none that
 * others could ask for, and is left out.
 * @throws {EngineError} REGISTRY that names every image that could not be found
 */
export async function pinImages(
  { services }: Stack,
  { env, directory }: { readonly env: NodeJS.ProcessEnv; readonly directory: string },
): Promise<ReadonlyMap<string, string>> {
  const wanted = Object.entries(services).flatMap(([service, { image, build }]) =>
    image === undefined || build !== undefined ? [] : [{ service, image }],
  )
  const images = [...new Set(wanted.map(({ image }) => image))]
  const found = new Map<string, string>()
  const failures: unknown[] = []
  await Promise.all(
    images.map(async (image) => {
      try {
        const source = parseImageSource(image, directory)
        if (source.kind !== 'registry') return
        const { reference } = source
        found.set(image, reference.digest ? image : await resolveName(reference, { env }))
      } catch (error) {
        failures.push(error)
      }
    }),
  )
  if (failures.length > 0) throw all(failures)
  return new Map(
    wanted.flatMap(({ service, image }) => {
      const name = found.get(image)
      return name === undefined ? [] : [[service, name] as const]
    }),
  )
}

function all(failures: readonly unknown[]): unknown {
  const [first] = failures
  if (failures.length === 1 || !(first instanceof EngineError)) return first
  const { code, hint } = first
  return new EngineError(code, failures.map(errorText).join('\n'), { hint })
}
