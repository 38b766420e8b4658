/**
 * Checks the manifests and locks offline: exact versions, checksums, no install scripts, supported versions of
 * Node.js, no known vulnerabilities. Run in the root folder; prints one violation per line and exits with 1.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDERS = ['.', 'bench'];

/** Allowed packages with an install script, which never runs (`--ignore-scripts`), and what it would do. */
const INSTALL_SCRIPTS = {
  '@apollo/protobufjs': 'compares version schemes, and prints a warning',
  '@parcel/watcher': 'builds from source where no binary fits; only for watching tests',
  '@swc/core': 'fetches WebAssembly where no binary fits',
};

/**
 * Binaries that may lack a checksum on platforms other than those of CI and the server: the registry of the
 * lock did not have them. npm installs them unchecked, for development only.
 */
const UNCHECKED = [
  '@biomejs/cli-',
  '@oxc-parser/binding-',
  '@swc/core-',
  '@unrs/resolver-binding-',
];

/** The first fixed version of each major version that was fixed; later major versions are not affected. */
const FLOORS = {
  '@apollo/server': { '5.5.0': 'GHSA-9q82-xgwf-vj6h' },
  '@babel/helpers': { '7.26.10': 'GHSA-968p-4wvh-cqc8' },
  '@fastify/static': { '9.1.1': 'GHSA-x428-ghpx-8j92' },
  'body-parser': { '2.2.1': 'GHSA-wqch-xfxh-vrr4' },
  'brace-expansion': { '2.1.4': 'GHSA-rgw5-rvv9-x895', '5.0.9': 'GHSA-rgw5-rvv9-x895' },
  cookie: { '0.7.0': 'GHSA-pxg6-pf52-xh8x' },
  'cross-spawn': { '7.0.5': 'GHSA-3xgq-45jj-v275' },
  'drizzle-orm': { '0.45.2': 'GHSA-gpj5-g38j-94v9' },
  'fast-uri': { '3.1.6': 'GHSA-jqff-g426-hqxp', '4.1.4': 'GHSA-jqff-g426-hqxp' },
  fastify: { '5.12.2': 'GHSA-3m5p-2c4r-xxw2' },
  'find-my-way': { '9.7.0': 'GHSA-c96f-x56v-gq3h' },
  'follow-redirects': { '1.15.6': 'GHSA-cxjh-pqwp-8mfp' },
  'form-data': { '4.0.4': 'GHSA-fjxv-7rqg-78g4' },
  formidable: { '3.5.3': 'GHSA-75v8-2h7p-7m2m' },
  glob: { '10.5.0': 'GHSA-5j98-mcp5-4vw2', '11.1.0': 'GHSA-5j98-mcp5-4vw2' },
  h3: { '1.15.9': 'GHSA-72gr-qfp7-vwhw' },
  'js-yaml': { '3.14.2': 'GHSA-mh29-5h37-fv8m', '4.1.1': 'GHSA-mh29-5h37-fv8m' },
  json5: { '2.2.2': 'GHSA-9c47-m6qq-7p4h' },
  jws: { '4.0.1': 'GHSA-869p-cjfg-cm3x' },
  'path-to-regexp': { '8.4.0': 'CVE-2026-4926' },
  qs: { '6.16.0': 'GHSA-x5fp-wj9c-mxmx' },
  semver: { '6.3.1': 'GHSA-c2qf-rxjj-qqgw', '7.5.2': 'GHSA-c2qf-rxjj-qqgw' },
  send: { '0.19.0': 'GHSA-m6fv-jmcg-4jfg' },
  'serve-static': { '1.16.0': 'GHSA-cm22-4g7w-348p' },
  'sha.js': { '2.4.12': 'GHSA-95m3-7q98-8xr5' },
  typeorm: { '0.3.26': 'GHSA-q2pj-6v73-8rgj' },
  ws: { '8.21.0': 'GHSA-96hv-2xvq-fx4p' },
};

const violations = [];
const refuse = (folder, what) => violations.push(`${join(folder, 'package-lock.json')}: ${what}`);

const locks = FOLDERS.map((folder) => {
  const read = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const { '': root, ...others } = read('package-lock.json').packages;
  const packages = Object.entries(others).map(([path, entry]) => {
    const placed = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return { path, placed, ...entry, name: entry.name ?? placed };
  });
  return { folder, manifest: read('package.json'), root, packages };
});
for (const lock of locks) {
  checkManifest(lock);
  for (const entry of lock.packages) checkEntry(lock.folder, entry);
}
checkEngines(locks[0]);
checkTables(locks.flatMap(({ packages }) => packages));

for (const violation of violations) console.error(violation);
const count = locks.reduce((sum, { packages }) => sum + packages.length, 0);
console.log(`${count} packages, ${violations.length} violations`);
process.exitCode = violations.length > 0 ? 1 : 0;

function checkManifest({ folder, manifest, root, packages }) {
  const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'];
  for (const kind of [...kinds, 'engines']) {
    if (!same(manifest[kind], root[kind])) refuse(folder, `${kind} differ from package.json`);
  }
  for (const [name, wanted] of kinds.flatMap((kind) => Object.entries(manifest[kind] ?? {}))) {
    const version = wanted.replace(/^npm:.+@/, '');
    if (!isExact(version)) refuse(folder, `${name} ${wanted} is not an exact version`);
    const installed = packages.find(({ path }) => path === `node_modules/${name}`);
    if (installed?.version !== version)
      refuse(folder, `${name} is ${installed?.version}, not ${wanted}`);
  }
  for (const version of leaves(manifest.overrides ?? {})) {
    if (!version.startsWith('$') && !isExact(version))
      refuse(folder, `the override ${version} is not an exact version`);
  }
}

function checkEntry(folder, entry) {
  const { name, version, resolved, integrity, link } = entry;
  const refuseEntry = (what) => refuse(folder, `${name}@${version} ${what}`);
  // Without `resolved` npm uses its configured registry, never git or another host.
  if (resolved !== undefined || link) refuseEntry(`comes from ${resolved}, not from the registry`);
  if (!/^sha512-/.test(integrity ?? '') && !mayBeUnchecked(entry)) refuseEntry('has no checksum');
  if (entry.hasInstallScript && !(name in INSTALL_SCRIPTS)) refuseEntry('has an install script');
  const [floor, advisory] = floorOf(name, version);
  if (floor && compare(version, floor) < 0) refuseEntry(`is below ${floor}: ${advisory}`);
}

function mayBeUnchecked({ name, optional, os = [], cpu = [], libc = [] }) {
  const runsHere =
    (os.length === 0 || os.includes('linux')) &&
    (cpu.length === 0 || cpu.includes('x64') || cpu.includes('arm64')) &&
    !libc.includes('musl');
  return optional && !runsHere && UNCHECKED.some((prefix) => name.startsWith(prefix));
}

/** The floor of the same major version; else the highest, which later major versions exceed. */
function floorOf(name, version) {
  const floors = Object.entries(FLOORS[name] ?? {});
  return floors.find(([floor]) => majorOf(floor) === majorOf(version)) ?? floors.at(-1) ?? [];
}

/** `engines` of the project must be exactly what its dependencies support. */
function checkEngines({ folder, manifest, packages }) {
  const promised = manifest.engines.node;
  for (const { name, version, engines } of packages) {
    for (const node of promised.match(/\d+\.\d+\.\d+/g)) {
      if (engines?.node && !admits(engines.node, node))
        refuse(folder, `${name}@${version} needs Node.js ${engines.node}, not ${node}`);
    }
  }
  if (!packages.some(({ engines }) => engines?.node === promised))
    refuse(folder, `engines has Node.js ${promised}, which no dependency requires`);
}

/** An exception for a removed package could later apply to another one of that name. */
function checkTables(packages) {
  for (const name of [...Object.keys(FLOORS), ...Object.keys(INSTALL_SCRIPTS)]) {
    if (!packages.some((entry) => entry.name === name))
      violations.push(`scripts/check-deps.js: ${name} is in no lock`);
  }
}

/** The subset of npm's ranges that `engines` use: alternatives of `>=`, `^` and partial versions. */
function admits(range, version) {
  return range.split('||').some((alternative) =>
    alternative
      .trim()
      .replaceAll(/(>=|\^)\s+/g, '$1')
      .split(/\s+/)
      .every((part) => {
        if (part === '*') return true;
        const [, operator, bound] = /^(>=|\^|)(\d+(?:\.\d+){0,2})(?:\.[x*])?$/.exec(part) ?? [];
        if (bound === undefined) throw new Error(`unsupported range: ${range}`);
        const sameMajor = operator === '>=' || majorOf(bound) === majorOf(version);
        return sameMajor && compare(version, bound) >= 0;
      }),
  );
}

function compare(one, other) {
  const numbers = (version) => version.split('-')[0].split('.').map(Number);
  const [left, right] = [numbers(one), numbers(other)];
  const index = left.findIndex((number, place) => number !== (right[place] ?? 0));
  return index === -1 ? 0 : left[index] - (right[index] ?? 0);
}

function majorOf(version) {
  return version.split('.')[0];
}

function isExact(version) {
  return /^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version);
}

function leaves(tree) {
  return Object.values(tree).flatMap((value) =>
    typeof value === 'string' ? value : leaves(value),
  );
}

function same(one = {}, other = {}) {
  const sorted = (object) => JSON.stringify(Object.entries(object).sort());
  return sorted(one) === sorted(other);
}
