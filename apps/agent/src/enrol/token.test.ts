import { describe, expect, it } from 'vitest';
import { parseToken, readToken } from './token.ts';

const FINGERPRINT = 'AB'.repeat(32);

describe('enrolment token', () => {
  it('parts what travels from what does not', () => {
    expect(parseToken(`id.secret.${FINGERPRINT}`)).toEqual({
      id: 'id',
      credential: 'id.secret',
      caFingerprint: FINGERPRINT.toLowerCase(),
    });
  });

  it.each(['', 'id.secret', `id.secret.${FINGERPRINT}.more`, 'id.secret.abcd'])(
    'refuses %j without showing it',
    (text) => {
      expect(() => parseToken(text)).toThrow(/TOKEN_INVALID: expected id\.secret\.fingerprint/);
    },
  );

  it('comes from the environment when no option is given, and is asked for when nothing is', () => {
    const sources = { argument: undefined, file: undefined, environment: `id.secret.${FINGERPRINT}` };
    expect(readToken(sources).id).toBe('id');
    expect(() => readToken({ ...sources, environment: undefined })).toThrow(/TOKEN_MISSING[\s\S]*--token-file/);
  });
});
