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

export type Columns<Row> = Readonly<Record<string, Column<Row>>>;

/**
 * A statement about the rows of a batch, which its SQL reads as `q`: one array parameter per column. Their elements are
 * read by subscripts, because `unnest` first copies each array into a buffer of its own.
 */
export function forRows<Row>(
  name: string,
  columns: Columns<Row>,
  sql: string,
): (rows: readonly Row[]) => Statement {
  const all = Object.values(columns);
  const fields = Object.entries(columns).map(
    ([column, { parameter }], index) => `($${index + 1}::${parameter})[i] AS ${column}`,
  );
  const text = `WITH q AS (SELECT ${fields.join(', ')} FROM generate_subscripts($1::${all[0]?.parameter}, 1) i)${sql}`;
  return (rows) => ({ name, text, values: all.map(({ literal }) => literal(rows)) });
}

/** The SQL that inserts columns of the rows `q`. */
export function insertion<Row>(table: string, columns: Columns<Row>): string {
  const expressions = Object.entries(columns).map(([name, { expression }]) => expression(`q.${name}`));
  return `INSERT INTO ${table} (${Object.keys(columns).join(', ')}) SELECT ${expressions.join(', ')} FROM q`;
}

/** @param suffix what follows the rows, such as `ON CONFLICT …`. */
export function insertInto<Row>(
  table: string,
  columns: Columns<Row>,
  suffix = '',
): (rows: readonly Row[]) => Statement {
  return forRows(table, columns, ` ${insertion(table, columns)} ${suffix}`);
}
