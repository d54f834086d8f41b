// A supervisor process with one toy program: the tests kill it and check that the toy ends.
import { existsSync } from 'node:fs';
import { createSupervisor } from './supervisor.ts';

const [script = '', folder = ''] = process.argv.slice(2);
const supervisor = createSupervisor({ say: (line) => console.log(line) });
await supervisor.start({
  name: 'toy',
  script,
  env: { ...process.env, FOLDER: folder },
  logFile: `${folder}/toy.log`,
  isReady: async () => existsSync(`${folder}/pid`),
});
console.log('started');
process.once('SIGTERM', () => void supervisor.stop().then(() => process.exit(0)));
