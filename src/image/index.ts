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
export { createDecompressor, type Packing, sniffPacking } from './layer/decompress.ts'
export type { SparsePart, TarEntry } from './tar/entry.ts'
export { type TarHandler, TarReader } from './tar/reader.ts'
export type { EntryKind } from './tar/entry.ts'
export { END_OF_ARCHIVE, headerBytes, paddingFor } from './tar/writer.ts'
export { isKeptXattr } from './layer/attributes.ts'
export { partsOf } from './layer/entry-path.ts'
export { addNewImage } from './store/new-image.ts'
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
export { makeLayer, type MadeLayer } from './store/make-layer.ts'
export {
  type Env,
  fetchFile,
  Http,
  login,
  logout,
  pushImage,
  readRegistrySettings,
} from './registry/index.ts'
export { parseChanges } from './changes.ts'
export { exportRootfs } from './export.ts'
export { findByText, type FoundImage } from './find.ts'
export { commitLayer, type ImageChanges, importRootfs } from './import.ts'
export { type LoadedImage, loadImages } from './load.ts'
export { resolveName } from './resolve-digest.ts'
export { removeByText, type Removed } from './remove.ts'
export { saveImages, type SavedImage } from './save.ts'
export { cacheReach, countCached } from './store/cache-reach.ts'
export { keepCached } from './store/cached.ts'
export { spaceError } from './store/space.ts'
export { collect, type Collected } from './store/collect.ts'
export { type Usage, usageOf } from './store/usage.ts'
export { readForeignStore, takeForeign, type TakenLayers } from './foreign/take.ts'
