/** What a piece of a streamed answer is for {@link createStreamEnd}. */
export type PieceKind = {
  /** It has output of the model. */
  isContent: boolean;
  /** It says that the answer is complete. */
  isEnd: boolean;
};

/** Sends a streamed answer, except its end. */
export type StreamEnd<Piece> = {
  /** A returned promise resolves when the client has caught up. */
  readonly push: (piece: Piece, kind: PieceKind) => Promise<void> | undefined;
  /** Sends what was kept back. Call it when the answer is settled. */
  readonly release: () => Promise<void> | undefined;
};

/**
 * Keeps back the last content of an answer, and everything after it, so that a client has a complete answer only after it is
 * settled. Content is sent when the next arrives, the first too: it may be the whole answer.
 */
export function createStreamEnd<Piece>(send: (piece: Piece) => Promise<void> | undefined): StreamEnd<Piece> {
  let kept: Piece[] = [];

  function release(): Promise<void> | undefined {
    const pieces = kept;
    kept = [];
    let wait: Promise<void> | undefined;
    for (const piece of pieces) wait = send(piece);
    return wait;
  }

  return {
    push(piece, { isContent, isEnd }) {
      const wait = isContent ? release() : undefined;
      if (kept.length === 0 && !isEnd && !isContent) return send(piece);
      kept.push(piece);
      return wait;
    },
    release,
  };
}
