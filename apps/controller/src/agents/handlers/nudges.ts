/**
 * Nudges: one stream per host that says "there is work" or "there is something to tell". It may lose messages, since check-ins say the same; with nudges
 * switched off it stays open and silent.
 */
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Nudge, NudgesRequest } from '@headroom/proto';
import { ControllerBus } from '../../bus/bus.ts';
import { Problem } from '../../common/problem.ts';
import type { ControllerConfig } from '../../config/config.ts';
import { JobStore } from '../../jobs/job-store.ts';
import { Admission, type Caller, requireSession } from '../caller.ts';
import { LiveStreams } from '../live-streams.ts';

type NudgeCall = ServerWritableStream<NudgesRequest, Nudge>;

interface OpenNudges {
  readonly call: NudgeCall;
  readonly cut: (reason: Problem) => void;
}

export class NudgesHandler {
  private readonly byHost = new Map<string, OpenNudges>();
  private stopListening: (() => void) | null = null;

  constructor(
    private readonly config: Pick<ControllerConfig, 'nudges'>,
    private readonly jobs: JobStore,
    private readonly streams: LiveStreams,
    private readonly admission: Admission,
    private readonly bus: ControllerBus,
  ) {}

  start(): void {
    if (!this.config.nudges) return;
    this.stopListening = this.bus.subscribe(({ kind, hostId }) => {
      if (kind === 'work') this.nudge(hostId, 'work');
      if (kind === 'notice') this.nudge(hostId, 'facts');
    });
  }

  stop(): void {
    this.stopListening?.();
    this.stopListening = null;
  }

  /** Lives until the agent leaves or the stream is cut. */
  async handle(caller: Caller, call: NudgeCall): Promise<void> {
    const { hostId } = caller;
    const { sessionNumber } = call.request;
    requireSession(caller, sessionNumber);
    await new Promise<void>((resolve, reject) => {
      const entry: OpenNudges = { call, cut: reject };
      const remove = this.streams.add({ caller, sessionNumber, cut: reject });
      this.byHost.get(hostId)?.cut(new Problem('SESSION_FENCED', 'this session opened a second stream of nudges'));
      this.byHost.set(hostId, entry);
      const leave = () => {
        remove();
        if (this.byHost.get(hostId) === entry) this.byHost.delete(hostId);
        resolve();
      };
      call.once('cancelled', leave);
      call.once('close', leave);
      call.once('error', leave);
      if (call.cancelled) leave();
      this.afterRegistering(caller, call).catch(reject);
    });
  }

  /** What happened between admission and registering is seen by asking once more: a revocation, a newer session, work. */
  private async afterRegistering(caller: Caller, call: NudgeCall): Promise<void> {
    const { sessionNumber } = call.request;
    requireSession(await this.admission.admit(call), sessionNumber);
    if (this.config.nudges && (await this.jobs.workAvailable(caller.hostId, sessionNumber)))
      this.nudge(caller.hostId, 'work');
  }

  private nudge(hostId: string, kind: 'work' | 'facts'): void {
    const call = this.byHost.get(hostId)?.call;
    // One nudge waiting to be read says it all, of whatever kind: the agent checks in, then asks for work. A slow reader costs no memory.
    if (call !== undefined && !call.writableNeedDrain && !call.cancelled) call.write({ kind });
  }
}
