import { z } from 'zod';
import { catalogueSchema } from './schema.ts';

/** The JSON Schema of a catalogue file, for completion and checks in editors. */
export function catalogueJsonSchema(): Record<string, unknown> {
  return {
    title: 'Inkmeter catalogue',
    ...z.toJSONSchema(catalogueSchema, { io: 'input', unrepresentable: 'any' }),
  };
}
