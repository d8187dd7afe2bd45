import type * as copying from '../api/copy.js';
import type * as environment from '../api/environment.js';
import type * as images from '../api/image.js';
import type * as planning from '../api/plan.js';
import type * as serving from '../api/serve.js';
import type * as logins from '../api/login.js';

/** The library's functions that commands call. */
export interface Api {
  readonly copy: typeof copying.copy;
  readonly plan: typeof planning.plan;
  readonly digest: typeof images.digest;
  readonly manifest: typeof images.manifest;
  readonly tags: typeof images.tags;
  readonly serve: typeof serving.serve;
  readonly fromEnvironment: typeof environment.fromEnvironment;
  readonly login: typeof logins.login;
  readonly logout: typeof logins.logout;
}

/** Loads the library, and with it everything that takes long to load. */
export async function loadApi(): Promise<Api> {
  const [{ copy }, { plan }, reading, { serve }, { fromEnvironment }, { login, logout }] = await Promise.all([
    import('../api/copy.js'),
    import('../api/plan.js'),
    import('../api/image.js'),
    import('../api/serve.js'),
    import('../api/environment.js'),
    import('../api/login.js'),
  ]);
  const { digest, manifest, tags } = reading;
  return { copy, plan, digest, manifest, tags, serve, fromEnvironment, login, logout };
}
