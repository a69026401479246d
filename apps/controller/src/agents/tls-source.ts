/** The agents' listener asks here for its certificate: a renewed one is shown to whoever connects from then on, live streams go on. */
import type { experimental } from '@grpc/grpc-js';
import { KeyStore } from '../keys/key-store.ts';

type IdentityListener = experimental.IdentityCertificateUpdateListener;
type CaListener = experimental.CaCertificateUpdateListener;

export class TlsSource implements experimental.CertificateProvider {
  private readonly stops = new Map<IdentityListener, () => void>();

  constructor(private readonly keys: KeyStore) {}

  addIdentityCertificateListener(listener: IdentityListener): void {
    const tell = () => {
      const { privateKeyPem, chainPem } = this.keys.tls;
      listener({ certificate: Buffer.from(chainPem), privateKey: Buffer.from(privateKeyPem) });
    };
    this.stops.set(listener, this.keys.onTlsRenewed(tell));
    // The listener is ready only after it has been added.
    process.nextTick(tell);
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.stops.get(listener)?.();
    this.stops.delete(listener);
  }

  /** The CA never changes while a controller runs. */
  addCaCertificateListener(listener: CaListener): void {
    process.nextTick(() => listener({ caCertificate: Buffer.from(this.keys.caPem) }));
  }

  removeCaCertificateListener(): void {}
}
