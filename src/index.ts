// The public API, listed by hand. What is not here is not public.
export { copy, CopyError } from './api/copy.js';
export type { SourceImage, StoreImage, TargetImage } from './api/images.js';
export { copyTags, planTags } from './api/copy-tags.js';
export type { SourceRepository, TargetRepository } from './api/repositories.js';
export { plan, PlanError } from './api/plan.js';
export { planPromotion, promote, type PromoteOptions } from './api/promote.js';
export { apply, type ApplyOptions, type Plan, type PlannedTarget } from './api/apply.js';
export { formatPlan, parsePlan } from './api/plan-file.js';
export {
  createReceipt,
  type HeldGuards,
  type Receipt,
  type ReceiptOptions,
  type ReceiptTag,
} from './api/receipt.js';
export { formatReceipt, parseReceipt } from './api/receipt-file.js';
export type { RecordedTag, RecordedTags, Repeat } from './api/recorded.js';
export { undo, type UndoOptions, type UndoReport } from './api/undo.js';
export type { Guards } from './api/guards.js';
export { digest, manifest, tags, type ImageDigest } from './api/image.js';
export { serve, type ServeRegistryOptions } from './api/serve.js';
export { createRegistry, type Registry, type RegistryOptions } from './api/registry.js';
export { login, logout, type LoginOptions, type LoginOutcome } from './api/login.js';
export { fromEnvironment, type Environment } from './api/environment.js';
export type {
  CommonOptions,
  CopyOptions,
  CopyTagsOptions,
  ImageOptions,
  ReadOptions,
  SideOptions,
} from './api/options.js';
export type { BlobState, CopyEvent, RegferryEvent } from './copy/events.js';
export type { BlobCounts, CopyPlan, CopyReport, TargetPlan, TargetReport, Verified } from './copy/report.js';
export type {
  Certainty,
  ContentSource,
  ContentTarget,
  Hole,
  Inspector,
  LackingOptions,
  LeftOutName,
  Manifest,
  ManifestKey,
  Op,
  OpenBlob,
  OpenOptions,
  Place,
  PutManifestOptions,
  PutOptions,
  PutOutcome,
  ResolveOptions,
  TagsOptions,
} from './content/store.js';
export { openLayout, LayoutStore } from './content/layout-store.js';
export type { OpenLayoutOptions } from './content/layout-folder.js';
export type { SingleImage } from './content/layout-image.js';
export { MemoryStore, type MemoryStoreOptions } from './content/memory-store.js';
export { BlobVerifier, verifiedBytes } from './content/verify.js';
export {
  basicCredential,
  bearerCredential,
  chainCredentials,
  identityCredential,
  staticCredentials,
  type Credential,
  type CredentialProvider,
  type CredentialTarget,
} from './auth/credentials.js';
export {
  isRegferryError,
  RegferryError,
  type ErrorCode,
  type ErrorDetails,
  type Hint,
  type Side,
} from './errors.js';
export { Secrets } from './secrets/secrets.js';
export type { HttpEvent } from './http/message.js';
export type { RequestEntry } from './serve/exchange.js';
export { MemoryRegistry, type MemoryRegistryOptions } from './serve/memory-registry.js';
export type { ListeningServer, ListenOptions, ServedRegistry } from './serve/server.js';
export { digestOf, isDigest, parseDigest, type Algorithm, type Digest } from './spec/digest.js';
export type { Descriptor } from './spec/descriptor.js';
export { blobsOf, childrenOf, viewManifest, type ManifestView } from './spec/manifest.js';
export { formatPlatform, matchesPlatform, parsePlatform, type Platform } from './spec/platform.js';
export { formatReference, parseReference, type Reference } from './spec/reference.js';
export { version } from './version.js';
