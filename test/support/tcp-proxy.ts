/** A TCP balancer for tests: passes each connection on to one of its targets, and breaks connections in ways that networks do. */
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';

export class TcpProxy {
  private readonly pairs = new Map<Socket, Socket>();
  private turn = 0;

  private constructor(
    private readonly server: Server,
    readonly port: number,
    private targets: readonly NetConnectOpts[],
  ) {}

  /** Targets take turns; one that refuses is passed over. */
  static async start(targets: readonly NetConnectOpts[]): Promise<TcpProxy> {
    let accept: (socket: Socket) => void = () => {};
    const server = createServer((socket) => accept(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const proxy = new TcpProxy(server, port, targets);
    accept = (socket) => proxy.pass(socket, proxy.targets.length);
    return proxy;
  }

  /** How many connections go through. */
  get connections(): number {
    return this.pairs.size;
  }

  /** The near side breaks; the far side learns nothing of it, as when a cable is pulled. */
  cutNear(): void {
    for (const near of this.pairs.keys()) {
      near.unpipe();
      near.removeAllListeners('close');
      near.destroy();
    }
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const [near, far] of this.pairs) for (const socket of [near, far]) socket.destroy();
    await closed;
  }

  private pass(near: Socket, triesLeft: number): void {
    const target = this.targets[this.turn++ % this.targets.length];
    if (triesLeft === 0 || target === undefined) return void near.destroy();
    near.on('error', () => {});
    const far = connect(target);
    far.once('error', () => {
      if (!this.pairs.has(near)) this.pass(near, triesLeft - 1);
    });
    far.once('connect', () => {
      this.pairs.set(near, far);
      near.pipe(far).pipe(near);
      near.once('close', () => far.destroy());
      far.once('close', () => {
        this.pairs.delete(near);
        near.destroy();
      });
    });
  }
}
