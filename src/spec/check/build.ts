/** Checks of `build`. */
import type { ServiceRule } from './check.ts'

export const checkBuild: ServiceRule = (name, service, { report, placeOf, activation }) => {
  const { build, platform } = service
  if (build === undefined) return
  const path = ['services', name, 'build']
  if (build.dockerfile !== undefined && build.dockerfile_inline !== undefined) {
    report.error({
      rule: 'dockerfile-twice',
      place: placeOf([...path, 'dockerfile_inline'], 'key'),
      message: `Cannot build "${name}": dockerfile and dockerfile_inline are mutually exclusive; keep one`,
    })
  }
  const platforms = build.platforms ?? []
  if (platform !== undefined && platforms.length > 0 && !platforms.includes(platform)) {
    report.error({
      rule: 'platform',
      place: placeOf([...path, 'platforms'], 'key'),
      message: `Cannot build "${name}" for its platform "${platform}": build.platforms must include it`,
    })
  }
  for (const [context, value] of Object.entries(build.additional_contexts ?? {})) {
    if (!value.startsWith('service:')) continue
    const target = value.slice('service:'.length)
    const other = activation.active[target]
    if (other?.build !== undefined) continue
    report.error({
      rule: 'build-context',
      place: placeOf([...path, 'additional_contexts', context]),
      message:
        other === undefined
          ? `Cannot use the service "${target}" as the build context "${context}" of "${name}": it is an unknown service`
          : `Cannot use the service "${target}" as the build context "${context}" of "${name}": it is not built (non-buildable service)`,
    })
  }
}
