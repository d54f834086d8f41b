/** The text of a catalogue version. Versions never change, so a reader may cache it. */
import { z } from 'zod';

export const CATALOGUE_SOURCE_ROUTE = '/internal/catalogues/:version_id';

export const catalogueSourcePath = (versionId: string): string => `/internal/catalogues/${versionId}`;

export const catalogueSource = z.object({ version_id: z.uuid(), source: z.string() });
export type CatalogueSource = z.infer<typeof catalogueSource>;
