import { z } from 'zod';
import { catalogueSchema } from './schema.ts';

/** The JSON Schema of a catalogue file, so that an editor can complete and check it. */
export function catalogueJsonSchema(): Record<string, unknown> {
  return {
    title: 'Inkmeter catalogue',
    ...z.toJSONSchema(catalogueSchema, { io: 'input', unrepresentable: 'any' }),
  };
}
