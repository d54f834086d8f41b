import t from 'tap';
import { renderEnvExample } from './env-example.ts';

const row = (name: string, fallback: string | undefined, more = {}) => ({
  name,
  description: `What ${name} is`,
  default: fallback,
  required: false,
  secret: false,
  ...more,
});

t.test('every variable appears once, shared ones first', async (t) => {
  const text = renderEnvExample([
    {
      name: 'one',
      rows: [row('PORT', '1'), row('LEVEL', 'info'), row('KEY', undefined, { required: true, secret: true })],
    },
    { name: 'two', rows: [row('PORT', '2'), row('LEVEL', 'info')] },
  ]);
  t.equal(
    text.slice(text.indexOf('# ---')),
    `# --- read by several services ---

# What PORT is. By default: one 1, two 2
#PORT=

# What LEVEL is
#LEVEL=info

# --- one ---

# What KEY is (required, secret)
#KEY=
`,
  );
});
