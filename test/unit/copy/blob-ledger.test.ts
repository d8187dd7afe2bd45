import { describe, expect, it } from 'vitest';

import { BlobLedger } from '../../../src/copy/blob-ledger.js';
import { gate } from './recorded-store.js';

describe('the ledger of blobs', () => {
  it('knows nothing at first', () => {
    expect(new BlobLedger().holder('host', 'a')).toBeUndefined();
  });

  it('makes others wait for a blob that is on its way to their host', async () => {
    const ledger = new BlobLedger();
    const arrival = gate();
    ledger.claim('host', 'a', 'app', arrival.opened);
    const holder = ledger.holder('host', 'a');
    let known: unknown = 'not yet';
    void holder?.then((repository) => (known = repository));
    await Promise.resolve();
    expect(known).toBe('not yet');
    arrival.open();
    expect(await holder).toBe('app');
    expect(ledger.holder('other', 'a')).toBeUndefined();
    expect(ledger.holder('host', 'b')).toBeUndefined();
  });

  it('forgets a blob that did not arrive, and throws nothing', async () => {
    const ledger = new BlobLedger();
    ledger.claim('host', 'a', 'app', Promise.reject(new Error('lost')));
    expect(await ledger.holder('host', 'a')).toBeUndefined();
    expect(ledger.holder('host', 'a')).toBeUndefined();
  });

  it('takes note of a blob that was there, unless one is on its way', async () => {
    const ledger = new BlobLedger();
    ledger.found('host', 'a', 'app');
    expect(await ledger.holder('host', 'a')).toBe('app');
    ledger.claim('host', 'b', 'first', Promise.resolve());
    ledger.found('host', 'b', 'second');
    expect(await ledger.holder('host', 'b')).toBe('first');
  });
});
