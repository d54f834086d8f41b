/** Bytes that are read as a stream, as often as necessary. */
export type FileSource = {
  readonly size: number;
  /** Reads them from the start. */
  readonly read: () => AsyncIterable<Uint8Array>;
};
