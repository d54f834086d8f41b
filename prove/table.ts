/** The result of one variant of a case. Figures that do not apply are absent. */
export type TableRow = {
  case: string;
  requests?: number;
  admitted?: number;
  refused?: number;
  /** The expected number of admitted requests, or another expectation. */
  expected?: string;
  limit?: string;
  used?: string;
  heldAfter?: bigint;
  usageRows?: string;
  providerCalls?: number;
  isRight: boolean;
};

const COLUMNS: readonly [title: string, cell: (row: TableRow) => string][] = [
  ['case', (row) => row.case],
  ['requests', (row) => text(row.requests)],
  ['admitted', (row) => text(row.admitted)],
  ['refused', (row) => text(row.refused)],
  ['expected', (row) => text(row.expected)],
  ['limit', (row) => text(row.limit)],
  ['used', (row) => text(row.used)],
  ['held after', (row) => text(row.heldAfter)],
  ['sum of usage rows', (row) => text(row.usageRows)],
  ['provider calls', (row) => text(row.providerCalls)],
  ['verdict', (row) => (row.isRight ? 'ok' : 'WRONG')],
];

const text = (value: string | number | bigint | undefined) => (value === undefined ? '' : String(value));

/** A Markdown table with aligned columns, readable in a terminal too. */
export function renderTable(rows: readonly TableRow[]): string {
  const lines = [COLUMNS.map(([title]) => title), ...rows.map((row) => COLUMNS.map(([, cell]) => cell(row)))];
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const render = (line: readonly string[]) =>
    `| ${line.map((cell, column) => align(cell, widths[column] ?? 0, column)).join(' | ')} |`;
  const [head = [], ...body] = lines;
  const rule = widths.map((width, column) =>
    isText(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [render(head), `| ${rule.join(' | ')} |`, ...body.map(render)].join('\n');
}

const isText = (column: number) => column === 0 || column === COLUMNS.length - 1;
const align = (cell: string, width: number, column: number) =>
  isText(column) ? cell.padEnd(width) : cell.padStart(width);
