/**
 * One transaction of few round trips: statements are sent, their rows decide the next statements, and the last ones
 * commit. On a connection of its own the transaction is implicit: every round but the last ends with Flush, the last with
 * Sync (https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY). In the caller's transaction the
 * statements become part of it.
 */
import pg from 'pg';

/** Columns of a row in PostgreSQL's text format. */
export type Row = readonly (string | null)[];
/** Prepared once per connection. Values are in PostgreSQL's text format. */
export type Statement = { name: string; text: string; values: readonly (string | null)[] };
/** A part of a program: yields the statements of a round and receives the rows of each. */
export type Rounds<Result> = Generator<Statement[], Result, Row[][]>;
/** Ends with the statements of the last round, whose rows are not read, and with the result. */
export type Program<Result> = Rounds<{ writes: Statement[]; result: Result }>;

type Callback<Result> = (error: Error | null, result?: Result) => void;

/** The part of pg's connection that a submittable drives; pg's types do not declare it. */
type WireConnection = {
  stream: { cork: () => void; uncork: () => void };
  parse: (query: { name: string; text: string; types: number[] }) => void;
  bind: (portal: { statement: string; values: readonly (string | null)[] }) => void;
  execute: (portal: { rows: number }) => void;
  flush: () => void;
  sync: () => void;
};

/** The statements that each connection has prepared, by their text. */
const prepared = new WeakMap<WireConnection, Map<string, string>>();
let names = 0;

const FAIL: Statement = { name: 'fail', text: 'SELECT 1 / 0', values: [] };

/** What pg's client drives in place of a query (`pg/lib/query.js` is the model). */
class ProgramQuery<Result> {
  callback: Callback<Result>;
  readonly #program: Program<Result>;
  #connection: WireConnection | undefined;
  #rows: Row[][] = [];
  #completed = 0;
  #sent = 0;
  /** Texts of statements whose preparation has not been confirmed. */
  #fresh: string[] = [];
  #isSynced = false;
  #failure: Error | undefined;
  #result: Result | undefined;

  constructor(program: Program<Result>, callback: Callback<Result>) {
    this.#program = program;
    this.callback = callback;
  }

  submit(connection: WireConnection): null {
    this.#connection = connection;
    this.#advance([]);
    return null;
  }

  #advance(rows: Row[][]): void {
    const connection = this.#connection as WireConnection;
    connection.stream.cork();
    try {
      const step = this.#program.next(rows);
      if (step.done) {
        this.#result = step.value.result;
        this.#send(connection, step.value.writes);
        this.#sync();
      } else {
        this.#send(connection, step.value);
        connection.flush();
      }
    } catch (error) {
      // Nothing may commit: a statement that fails ends the transaction.
      this.#failure = error as Error;
      this.#send(connection, [FAIL]);
      this.#sync();
    }
    connection.stream.uncork();
  }

  #send(connection: WireConnection, statements: readonly Statement[]): void {
    const known = prepared.get(connection) ?? new Map<string, string>();
    prepared.set(connection, known);
    this.#rows = statements.map(() => []);
    this.#completed = 0;
    this.#sent = statements.length;
    for (const { name, text, values } of statements) {
      let statement = known.get(text);
      if (statement === undefined) {
        names += 1;
        statement = `${name}_${names}`;
        connection.parse({ name: statement, text, types: [] });
        known.set(text, statement);
        this.#fresh.push(text);
      }
      connection.bind({ statement, values });
      connection.execute({ rows: 0 });
    }
  }

  #sync(): void {
    if (this.#isSynced) return;
    this.#isSynced = true;
    this.#connection?.sync();
  }

  handleDataRow({ fields }: { fields: Row }): void {
    this.#rows[this.#completed]?.push(fields);
  }

  handleCommandComplete(): void {
    this.#completed += 1;
    if (!this.#isSynced && this.#completed === this.#sent) this.#advance(this.#rows);
  }

  handleError(error: Error): void {
    // Whether the server prepared these statements is unknown: they are prepared again under new names.
    if (this.#connection !== undefined) {
      for (const text of this.#fresh) prepared.get(this.#connection)?.delete(text);
    }
    this.#sync();
    this.callback(this.#failure ?? error);
  }

  handleReadyForQuery(): void {
    this.callback(null, this.#result as Result);
  }

  handleRowDescription(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyInResponse(): void {}
  handleCopyData(): void {}
}

type Queryable = Pick<pg.Pool, 'query'>;

function submit<Result>(client: Queryable, program: Program<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const query = new ProgramQuery(program, (error, result) =>
      error === null ? resolve(result as Result) : reject(error),
    );
    client.query(query as unknown as pg.Submittable);
  });
}

/**
 * Runs a program in a transaction of its own, on a connection of the pool.
 *
 * @throws what the program throws, and the driver's errors. Nothing is committed then, except if the connection broke
 * during the last round: whether that committed is unknown.
 */
export async function runProgram<Result>(pool: pg.Pool, program: Program<Result>): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const onError = (error: Error) => {
    broken = error;
  };
  client.on('error', onError);
  try {
    return await submit(client as unknown as Queryable, program);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) broken = error as Error;
    throw error;
  } finally {
    client.removeListener('error', onError);
    client.release(broken);
  }
}

/**
 * Runs a program in the open transaction of the client, which it does not commit. With a pool, it is a transaction of its
 * own. Throws as {@link runProgram} does.
 */
export function runProgramWithin<Result>(db: Queryable, program: Program<Result>): Promise<Result> {
  return db instanceof pg.Pool ? runProgram(db, program) : submit(db, program);
}
