/** Usage rows as Parquet files. */
import { parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { ARCHIVE_COLUMNS, type ArchivedRow } from './archive-store.ts';

export function writeParquet(rows: readonly ArchivedRow[]): Buffer {
  const columnData = ARCHIVE_COLUMNS.map(({ name, type }) => ({
    name,
    type,
    data: rows.map((row) => row[name] ?? null),
  }));
  return Buffer.from(parquetWriteBuffer({ columnData }));
}

/** The inverse of {@link writeParquet}. @throws Error for a file that is not Parquet. */
export async function readParquet(file: Buffer): Promise<ArchivedRow[]> {
  const bytes = new Uint8Array(file).buffer;
  const rows = await parquetReadObjects({ file: bytes, utf8: true });
  return rows as ArchivedRow[];
}
