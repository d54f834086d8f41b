/** A catalogue version's own text. Versions never change, so whoever has read one may keep it. */
import { z } from 'zod';

export const CATALOGUE_SOURCE_ROUTE = '/internal/catalogues/:version_id';

export const catalogueSourcePath = (versionId: string): string => `/internal/catalogues/${versionId}`;

export const catalogueSource = z.object({ version_id: z.uuid(), source: z.string() });
export type CatalogueSource = z.infer<typeof catalogueSource>;
