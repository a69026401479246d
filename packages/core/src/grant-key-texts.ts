/** What one grant key signs about another, byte for byte: the controller signs it, and each Mac checks it. */
export function grantKeyRotationText(key: { readonly keyId: string; readonly publicKeyPem: string }): string {
  return ['headroom-grant-key-1', key.keyId, key.publicKeyPem].join('|');
}

export function grantKeyRetirementText(key: { readonly keyId: string; readonly retiredAt: string }): string {
  return ['headroom-grant-key-retired-1', key.keyId, key.retiredAt].join('|');
}
