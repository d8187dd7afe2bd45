import { describe, expect, it } from 'vitest';

import { misread } from '../../../src/place/misread.js';
import { parseAddress, parseRepositoryAddress } from '../../../src/place/parse.js';
import { refusal } from '../spec/outcome.js';

describe('a text that can hardly be meant as an image', () => {
  it.each([
    ['localhost:5402', 'did you mean localhost:5402/REPO?'],
    ['localhost:5402/', 'did you mean localhost:5402/REPO?'],
    ['localhost', 'did you mean localhost/REPO?'],
    ['127.0.0.1:5000', 'did you mean 127.0.0.1:5000/REPO?'],
    ['[::1]:5000', 'did you mean [::1]:5000/REPO?'],
    ['registry.example.com', 'did you mean registry.example.com/REPO?'],
    ['./sk', 'did you mean oci:./sk?'],
    ['./sk:v1', 'did you mean oci:./sk:v1?'],
    ['../x', 'did you mean oci:../x?'],
    ['.', 'did you mean oci:.?'],
    ['sk/', 'did you mean oci:sk/?'],
    ['/srv/out', 'did you mean oci:/srv/out?'],
    ['~/x', 'did you mean oci:$HOME/x?'],
    ['C:\\x', 'did you mean oci:C:/x?'],
    ['.\\x', 'did you mean oci:./x?'],
    ['file:///srv/out', 'did you mean oci:/srv/out?'],
    ['save.tar', 'archives are not read yet'],
    ['x.tar.gz', 'docker.io/library/x.tar.gz at Docker Hub'],
    ['save.tar:v1', 'archives are not read yet'],
    ['out/save.tgz', 'docker.io/out/save.tgz at Docker Hub'],
    ['./save.tar', 'archives are not read yet'],
  ])('is refused with what it may be: %s', (text, hint) => {
    for (const parse of [parseAddress, parseRepositoryAddress]) {
      const error = refusal(() => parse(text));
      expect(error.code).toBe('E_REFERENCE');
      expect(error.message).toContain(hint);
    }
  });

  it('repeats no password and no control character', () => {
    expect(refusal(() => parseAddress('./ann:secret@x')).message).not.toContain('secret');
    expect(refusal(() => parseAddress('./x\u001b[2J')).message).not.toContain('\u001b');
  });

  it.each([
    'alpine',
    'alpine:3.20',
    'registry:2',
    'registry:5000',
    'my.app:v1',
    'localhost:latest',
    'localhost/app',
    'r.example.com/out/save.tar',
    'docker.io/library/save.tar',
    'docker.io/library/registry.example.com',
    'out/save.tar:v1',
    'team/x.tar/app',
    'starter',
    'docker://alpine',
  ])('is not %s', (text) => {
    expect(misread(text)).toBeUndefined();
  });
});
