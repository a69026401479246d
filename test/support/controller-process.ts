/** A controller as admins run it: its own process by its own launcher, with the API on its front. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const LAUNCHER = fileURLToPath(new URL('../../bin/headroom-controller.mjs', import.meta.url));

export interface ProcessOptions {
  readonly stateDir: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

interface Urls {
  readonly apiUrl: string;
  readonly enrolUrl: string;
  readonly agentUrl: string;
}

export class ControllerProcess {
  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: readonly string[],
    private readonly end: Promise<Ended>,
    readonly urls: Urls,
    private readonly token: string,
  ) {}

  /** Resolves when it is ready; throws with what it said when it ends instead. */
  static async start(options: ProcessOptions): Promise<ControllerProcess> {
    const { child, lines, end } = launch(options);
    const ready = new Promise<string>((resolve) => {
      if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', resolve);
    });
    const first = await Promise.race([ready, end]);
    if (typeof first !== 'string') throw new Error(`the controller ended (${first.code}):\n${first.stderr}`);
    const token = (await readFile(join(options.stateDir, 'admin.token'), 'utf8')).trim();
    return new ControllerProcess(child, lines, end, JSON.parse(first) as Urls, token);
  }

  /** For one that must refuse to start. */
  static refused(options: ProcessOptions): Promise<Ended> {
    return launch(options).end;
  }

  /** For one that is cut while it starts. */
  static launched(options: ProcessOptions): { readonly end: Promise<Ended>; signal(name: NodeJS.Signals): void } {
    const { child, end } = launch(options);
    return { end, signal: (name) => void child.kill(name) };
  }

  get log(): string {
    return this.lines.join('\n');
  }

  async call<Body>(method: string, path: string, body?: object | Uint8Array, headers: object = {}): Promise<Body> {
    const response = await this.send(method, path, body, headers);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}\n${this.log}`);
    return (text === '' ? null : JSON.parse(text)) as Body;
  }

  /** `201`, or `409 CONFLICT`: status and, of a refusal, its code. */
  async status(method: string, path: string, body: object): Promise<string> {
    const response = await this.send(method, path, body, {});
    const text = await response.text();
    return response.ok ? `${response.status}` : `${response.status} ${(JSON.parse(text) as { code?: string }).code}`;
  }

  private send(method: string, path: string, body: object | Uint8Array | undefined, headers: object) {
    const isBytes = body instanceof Uint8Array;
    const type = isBytes ? 'application/octet-stream' : 'application/json';
    return fetch(`${this.urls.apiUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body !== undefined && { 'content-type': type }),
        ...headers,
      },
      ...(body !== undefined && { body: (isBytes ? body : JSON.stringify(body)) as RequestInit['body'] }),
    });
  }

  async enrolToken(uses: number, labels: readonly string[]): Promise<string> {
    const order = { uses, labels, expiresInHours: 1 };
    return (await this.call<{ token: string }>('POST', '/api/v1/enrol-tokens', order)).token;
  }

  /** In order, as on SIGTERM. */
  async stop(): Promise<Ended> {
    this.child.kill('SIGTERM');
    return this.end;
  }

  /** At once, as on a power cut. */
  async kill(): Promise<Ended> {
    this.child.kill('SIGKILL');
    return this.end;
  }
}

function launch({ stateDir, args = [], env = {} }: ProcessOptions) {
  const all = [LAUNCHER, 'serve', '--state-dir', stateDir, '--simulation', '--exit-with-parent', ...args];
  const { DATABASE_URL: _, REDIS_URL: __, ...clean } = process.env;
  const child = spawn(process.execPath, all, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...clean, ...env } });
  child.stdin.on('error', () => {});
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
  const end = new Promise<Ended>((resolve) =>
    child.once('close', (code) => resolve({ code, stderr: lines.join('\n') })),
  );
  return { child, lines, end };
}
