import { createRequire } from 'node:module';

/** The file of the package that hashes. bin/bundle.js puts another one in its place, which lies beside the command line. */
export const bcryptPackage: string = createRequire(import.meta.url).resolve('bcryptjs');
