/**
 * Images: what they are called, how they are kept, where they come from. The store's layers are
 * lower directories for overlayfs.
 */

export { type Digest, digestOf, isDigest, shortId } from './digest.ts'
export * from './oci.ts'
export { formatPlatform, HOST_PLATFORM, parsePlatform } from './platform.ts'
export { familiarName, formatReference, parseReference, type Reference } from './reference.ts'
export { parseImageSource, sourceName, type ImageSource } from './transport-name.ts'
export { parseConfig } from './parse-config.ts'
export { parseDocument } from './parse-manifest.ts'
export { addLayer, type AddOptions, type LayerSource, type LayerWish } from './store/add-layer.ts'
export { readBlob, writeBlob } from './store/blobs.ts'
export {
  addImage,
  findImage,
  imageBytes,
  type ImageLayer,
  listImages,
  lowersOf,
  requireImage,
  type StoredImage,
} from './store/images.ts'
export { findLayer, type StoredLayer } from './store/layers.ts'
export { holdStore } from './store/lock.ts'
export { changeNames, type NamedImage, type Names, readNames } from './store/names.ts'
export { type Pin, readPins, removePin, writePin } from './store/pins.ts'
export { blobPath, type ImageStore, openImageStore } from './store/places.ts'
export type { ContentSource, ImageEvent } from './content.ts'
export { findWish, type ImageWish, nameOf, obtainImage, type ObtainOptions } from './obtain.ts'
export { parsePolicy, type PullPolicy } from './policy.ts'
