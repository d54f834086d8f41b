import { existsSync, readFileSync } from 'node:fs';
import { DockerfileParser } from 'dockerfile-ast';
import t from 'tap';

const dockerfile = DockerfileParser.parse(readFileSync('deploy/docker/Dockerfile', 'utf8'));
const ignored = readFileSync('.dockerignore', 'utf8').split('\n');
const stages = dockerfile.getFROMs();
const instructions = dockerfile.getInstructions();
const last = (keyword: string) => instructions.findLast((one) => one.getKeyword() === keyword);
const BASE = ['$', '{NODE_IMAGE}'].join('');
const KEYWORDS = 'ARG FROM WORKDIR COPY RUN ENV USER EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD'.split(' ');

t.test('every instruction is known, and every stage starts from the one pinned base', async (t) => {
  t.strictSame(
    instructions.map((one) => one.getKeyword()).filter((keyword) => !KEYWORDS.includes(keyword)),
    [],
  );
  for (const stage of stages) t.equal(stage.getImage(), BASE);
});

t.test('it runs as an ordinary user, with a health check, and stops on SIGTERM', async (t) => {
  t.equal(last('USER')?.getArgumentsContent(), '1000:1000');
  t.match(last('HEALTHCHECK')?.getArgumentsContent(), 'deploy/docker/healthcheck.ts');
  t.ok(existsSync('deploy/docker/healthcheck.ts'));
  t.equal(last('STOPSIGNAL')?.getArgumentsContent(), 'SIGTERM');
});

t.test('every copied file exists and is in the build context', async (t) => {
  for (const copy of dockerfile.getCOPYs()) {
    if (copy.getFromFlag() !== null) continue;
    const sources = copy.getArguments().slice(0, -1).map(String);
    for (const source of sources) {
      t.ok(existsSync(source), source);
      t.ok(ignored.includes(`!${source.split('/')[0]}`), `${source} is not in .dockerignore`);
    }
  }
});
