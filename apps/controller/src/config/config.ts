/** Everything a controller process can be told, parsed once. Ports 0 = any free one (told in the log and in `ready`). */
export interface ControllerConfig {
  /** Holds keys, KDK images, embedded Postgres. 0700. */
  readonly stateDir: string;
  readonly fleetName: string;
  /** Absent = embedded Postgres under stateDir. */
  readonly databaseUrl: string | null;
  /** Name that agents and people dial; must resolve to `listenHost`. */
  readonly publicHost: string;
  readonly listenHost: string;
  readonly apiPort: number;
  readonly enrolPort: number;
  readonly agentPort: number;
  readonly checkInMs: number;
  readonly leaseTtlMs: number;
  /** Grants made by this controller work on simulated Macs only. */
  readonly simulation: boolean;
  readonly nudges: boolean;
  readonly sweepMs: number;
}
