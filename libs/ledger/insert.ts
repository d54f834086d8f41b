/** Inserts of many rows in one statement: one array parameter per column, in the order of a description of the table. */
import { plainArray, textArray } from './array-literal.ts';
import type { Statement } from './two-step.ts';

type Plain = string | number | bigint | boolean | null;

export type Column<Row> = {
  /** The type of the parameter. */
  parameter: string;
  /** What is inserted of the column `name` of the parameters. */
  expression: (name: string) => string;
  literal: (rows: readonly Row[]) => string;
};

/** A column of a type whose values need no quotes in an array literal: numbers, booleans, ids, instants. */
export function plain<Row>(type: string, value: (row: Row) => Plain): Column<Row> {
  return {
    parameter: `${type}[]`,
    expression: (name) => name,
    literal: (rows) => plainArray(rows.map(value)),
  };
}

export function text<Row>(value: (row: Row) => string | null): Column<Row> {
  return { parameter: 'text[]', expression: (name) => name, literal: (rows) => textArray(rows.map(value)) };
}

/** A column of arrays; `value` returns array literals. */
export function array<Row>(type: string, value: (row: Row) => string): Column<Row> {
  return { ...text(value), expression: (name) => `${name}::${type}[]` };
}

/** @param suffix what follows the rows, such as `ON CONFLICT …`. */
export function insertInto<Row>(
  table: string,
  columns: Readonly<Record<string, Column<Row>>>,
  suffix = '',
): (rows: readonly Row[]) => Statement {
  const names = Object.keys(columns);
  const all = Object.values(columns);
  const sql = `INSERT INTO ${table} (${names.join(', ')})
    SELECT ${all.map(({ expression }, index) => expression(`q.${names[index]}`)).join(', ')}
      FROM unnest(${all.map(({ parameter }, index) => `$${index + 1}::${parameter}`).join(', ')}) q(${names.join(', ')}) ${suffix}`;
  return (rows) => ({ name: table, text: sql, values: all.map(({ literal }) => literal(rows)) });
}
