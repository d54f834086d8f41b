import type { Pool } from 'pg';
import { parsePriceBook } from '#libs/pricing/price-book.ts';
import { type ImportResult, importPrices } from './store.ts';

/** Who stands beside rows that a file brought. */
export const PRICE_BOOK_AUTHOR = 'price-book';

/**
 * Adds a price book's models and prices to the database. Importing a book twice changes nothing; a row that was recorded
 * before is never changed, and reported when the book says otherwise.
 *
 * @throws PriceBookError listing everything that is wrong with the text.
 */
export function importPriceBook(pool: Pool, text: string, now: Date): Promise<ImportResult> {
  return importPrices(pool, parsePriceBook(text), { author: PRICE_BOOK_AUTHOR, now });
}
