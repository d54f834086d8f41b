/** What `npm run clients` needs to know of a client. */

/** A running server and an API key of it. */
export type Server = { readonly url: string; readonly key: string };

export type Recipe = {
  readonly name: string;
  /** The first one is the client. */
  readonly packages: readonly string[];
  /** What the client does here, for the table. */
  readonly task: string;
  /** Files of the working folder, by path. `home/` is the home folder. */
  readonly files?: (server: Server) => Readonly<Record<string, string>>;
  readonly env?: (server: Server) => Readonly<Record<string, string>>;
  /** A program of the packages (or `node`) and its arguments. */
  readonly command: (server: Server) => readonly [program: string, ...args: string[]];
  /** What the output of a success contains. */
  readonly expected: RegExp;
};
