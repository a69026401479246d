/** Where the bytes of KDK images lie. */
export interface KdkFile {
  readonly path: string;
  readonly sizeBytes: number;
}

export abstract class KdkFiles {
  /** Null when this controller has no image with that sha256 (lower-case hex). */
  abstract open(sha256: string): Promise<KdkFile | null>;
}
