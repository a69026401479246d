/** The key that signs grants. Its private half is a file, never a row. */
export interface GrantSigner {
  readonly keyId: string;
  readonly publicKeyPem: string;
  /** Keys before this one: what they signed stays valid until it expires, unless the key is retired. */
  readonly previousKeys?: readonly { readonly keyId: string; readonly publicKeyPem: string }[];
  /** Keys that are believed no more. */
  readonly retirements?: readonly { readonly keyId: string; readonly retiredAt: string }[];
  /** Base64 Ed25519 signature over the UTF-8 bytes of `payload`. */
  sign(payload: string): string;
}
