/** The controller's REST API as `npm start` uses it, like any other tool. */

/** An answer that is not 2xx: the problem as the API told it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(`${status} ${code}: ${detail}`);
    this.name = 'ApiError';
  }
}

export class ApiClient {
  constructor(
    readonly url: string,
    private readonly token: string,
  ) {}

  /** Asked once more when it got no answer: the controller may close a resting connection in the moment in which it is used. */
  async get<T>(path: string): Promise<T> {
    try {
      return await this.send<T>('GET', path);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return this.send<T>('GET', path);
    }
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.send<T>('POST', path, JSON.stringify(body), { 'content-type': 'application/json' });
  }

  put<T>(path: string, body: Uint8Array<ArrayBuffer>, headers: Readonly<Record<string, string>>): Promise<T> {
    return this.send<T>('PUT', path, body, { 'content-type': 'application/octet-stream', ...headers });
  }

  private async send<T>(
    method: string,
    path: string,
    body?: string | Uint8Array<ArrayBuffer>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...headers, authorization: `Bearer ${this.token}` },
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    const answer = text === '' ? null : (JSON.parse(text) as Record<string, unknown>);
    if (!response.ok)
      throw new ApiError(response.status, String(answer?.['code'] ?? ''), String(answer?.['detail'] ?? text));
    return answer as T;
  }
}

export interface HostRow {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly presence: string;
  readonly waitsFor: string | null;
  readonly model?: string | null;
}

export interface FindingRow {
  readonly code: string;
  readonly severity: string;
  readonly title: string;
  readonly nextStep: string;
}

export interface EvidenceRow {
  readonly id: string;
  readonly title: string;
  readonly holds: boolean | null;
  readonly seen: string;
}

export interface HostDetail extends HostRow {
  /** How far a raise is proven: configured or witnessed; null = not raised. */
  readonly proof: string | null;
  /** What makes it witnessed. */
  readonly witness: { readonly macosGuests: number } | null;
  readonly quotaWanted: number | null;
  readonly lastSeenAt: string | null;
  readonly findings: readonly FindingRow[];
  readonly evidence: readonly EvidenceRow[];
}

export interface VisitRow {
  readonly id: string;
  readonly hostId: string;
  readonly kind: 'raise' | 'restart' | 'revert' | 'recover';
  readonly state: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}
