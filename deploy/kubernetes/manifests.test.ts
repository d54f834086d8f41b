import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { IMAGE_VARIABLES, SERVICE_SCHEMAS } from '#deploy/docker/services.fixture.ts';
import { describeConfig } from '#libs/config/config.ts';
import { SERVICE_NAMES } from '#libs/contracts/internal-context.ts';

type Variable = {
  name: string;
  valueFrom?: { secretKeyRef: { name: string; key: string; optional?: boolean } };
};
type Container = { args: string[]; env: Variable[]; envFrom?: { configMapRef: { name: string } }[] };
type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  spec: {
    template?: { metadata: { labels: Record<string, string> }; spec: { containers: Container[] } };
    podSelector?: { matchLabels?: Record<string, string> };
    ingress?: {
      from?: { podSelector?: { matchLabels: Record<string, string> } }[];
      ports?: { port: string }[];
    }[];
  };
};

const FOLDER = 'deploy/kubernetes';
const NAME = 'app.kubernetes.io/name';
const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));
const read = (file: string) =>
  parseAllDocuments(readFileSync(`${FOLDER}/${file}`, 'utf8')).map((document) => document.toJS() as Manifest);
const manifests = files.filter((file) => file !== 'kustomization.yaml').flatMap(read);
const find = (kind: string, name: string) =>
  manifests.find((one) => one.kind === kind && one.metadata.name === name);

const containerOf = (name: string) =>
  (find('Deployment', name) ?? find('StatefulSet', name))?.spec.template?.spec.containers[0];

t.test('every manifest is valid by the schemas of Kubernetes, and in the kustomization', async (t) => {
  for (const manifest of manifests) {
    const { apiVersion, kind, metadata } = manifest;
    const module = (await import(`kubernetes-models/${apiVersion}/${kind}`)) as Record<
      string,
      new (
        data: object,
      ) => { validate: () => void }
    >;
    const Model = module[kind];
    if (Model === undefined) throw new Error(`There is no model of ${kind}`);
    t.doesNotThrow(() => new Model(manifest).validate(), `${kind} ${metadata.name}`);
  }
  const { Deployment } = await import('kubernetes-models/apps/v1/Deployment');
  const wrong = { ...find('Deployment', 'gateway'), spec: { replicas: 'two' } };
  t.throws(() => new Deployment(wrong as never).validate(), 'the schemas refuse a wrong type');
  const { resources } = read('kustomization.yaml')[0] as unknown as { resources: string[] };
  const listed = files.filter((file) => file !== 'kustomization.yaml' && file !== 'secrets.example.yaml');
  t.strictSame(resources.toSorted(), listed.toSorted());
});

for (const name of SERVICE_NAMES) {
  t.test(`the environment of ${name} matches its schema`, async (t) => {
    const container = containerOf(name);
    const variables = describeConfig(SERVICE_SCHEMAS[name]);
    const maps = (container?.envFrom ?? []).map(({ configMapRef }) => find('ConfigMap', configMapRef.name));
    const own = (container?.env ?? []).map((variable) => variable.name);
    const shared = maps.flatMap((map) => Object.keys(map?.data ?? {}));
    const known = new Set(variables.map((row) => row.name));
    t.strictSame(
      own.filter((variable) => !known.has(variable)),
      [],
    );
    const elsewhere = new Set(
      Object.values(SERVICE_SCHEMAS).flatMap((schema) => describeConfig(schema).map((row) => row.name)),
    );
    t.strictSame(
      shared.filter((variable) => !elsewhere.has(variable)),
      [],
    );
    const set = new Set([...own, ...shared, ...IMAGE_VARIABLES]);
    t.strictSame(
      variables.filter((row) => row.required && !set.has(row.name)).map((row) => row.name),
      [],
    );
    const secrets = variables.filter((row) => row.secret).map((row) => row.name);
    t.strictSame(
      secrets.filter((variable) => !own.includes(variable)),
      [],
      'every secret can be set; overlays add other variables to the maps',
    );
    for (const { valueFrom } of container?.env ?? []) {
      if (valueFrom === undefined) continue;
      const { name: secret, key } = valueFrom.secretKeyRef;
      t.equal(secret, name, 'a service reads its own secret only');
      t.type(find('Secret', secret)?.stringData?.[key], 'string', `${secret} has ${key}`);
    }
    t.ok(existsSync(container?.args[0] ?? ''), 'the command exists');
    t.ok(find('Service', name) && find('PodDisruptionBudget', name));
  });
}

t.test('only the gateway is public, and generation is reached from the gateway alone', async (t) => {
  const callers = (name: string) =>
    find('NetworkPolicy', name)?.spec.ingress?.flatMap(({ from }) =>
      from === undefined ? ['anyone'] : from.map(({ podSelector }) => podSelector?.matchLabels[NAME]),
    );
  t.strictSame(find('NetworkPolicy', 'deny-all')?.spec.podSelector, {});
  t.strictSame(callers('gateway'), ['anyone']);
  t.strictSame(callers('generation'), ['gateway']);
  t.strictSame(callers('usage-metering'), ['gateway']);
  t.strictSame(callers('billing'), ['gateway', 'usage-metering', 'generation']);
});

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;
t.test('kubectl builds it', { skip: !hasKubectl && 'no kubectl here' }, async (t) => {
  const built = execFileSync('kubectl', ['kustomize', FOLDER], { encoding: 'utf8' });
  t.equal(parseAllDocuments(built).length, manifests.length - read('secrets.example.yaml').length);
});
