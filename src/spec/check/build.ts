/** Checks of `build`. */
import type { Build } from '../model-build.ts'
import type { CheckContext, ServiceRule } from './check.ts'

export const checkBuild: ServiceRule = (name, service, context) => {
  const { build, platform } = service
  if (build === undefined) return
  checkDockerfile(name, build, context)
  if (platform !== undefined) checkPlatform(name, { build, platform }, context)
  checkContexts(name, build, context)
}

function checkDockerfile(name: string, build: Build, { report, placeOf }: CheckContext): void {
  if (build.dockerfile === undefined || build.dockerfile_inline === undefined) return
  report.error({
    rule: 'dockerfile-twice',
    place: placeOf(['services', name, 'build', 'dockerfile_inline'], 'key'),
    message:
      `Cannot build "${name}": ` +
      'dockerfile and dockerfile_inline are mutually exclusive; keep one',
  })
}

function checkPlatform(
  name: string,
  { build, platform }: { readonly build: Build; readonly platform: string },
  { report, placeOf }: CheckContext,
): void {
  const platforms = build.platforms ?? []
  if (platforms.length === 0 || platforms.includes(platform)) return
  const what = `Cannot build "${name}" for its platform "${platform}"`
  report.error({
    rule: 'platform',
    place: placeOf(['services', name, 'build', 'platforms'], 'key'),
    message: `${what}: build.platforms must include it`,
  })
}

/** Another service's image as a build context needs that service to be built. */
function checkContexts(name: string, build: Build, context: CheckContext): void {
  const { report, placeOf, activation } = context
  for (const [key, value] of Object.entries(build.additional_contexts ?? {})) {
    const target = value.startsWith('service:') ? value.slice('service:'.length) : undefined
    if (target === undefined || activation.active[target]?.build !== undefined) continue
    const seen =
      activation.active[target] === undefined
        ? 'it is an unknown service'
        : 'it is not built (non-buildable service)'
    report.error({
      rule: 'build-context',
      place: placeOf(['services', name, 'build', 'additional_contexts', key]),
      message:
        `Cannot use the service "${target}" as the build context "${key}" of ` +
        `"${name}": ${seen}`,
    })
  }
}
