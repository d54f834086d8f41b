import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { meteredTarget, ROOMY, startSystem } from './inkmeter.ts';
import type { Target } from './target.ts';

type Inkmeter = {
  startSystem: typeof startSystem;
  meteredTarget: typeof meteredTarget;
  ROOMY: typeof ROOMY;
};

/** The system of another checkout of this repository, with its own database, to compare two versions in one run. */
export async function startCheckout(folder: string, upstreamPort: number): Promise<Target> {
  const script = pathToFileURL(path.resolve(folder, 'bench/targets/inkmeter.ts')).href;
  const other = (await import(script)) as Inkmeter;
  const system = await other.startSystem({ upstreamPort });
  const account = await system.openAccount(other.ROOMY);
  return {
    ...other.meteredTarget(system, account),
    name: `Inkmeter metered, ${path.basename(folder)}`,
    stop: system.stop,
  };
}
