// Fetches RELAY_QUERY in the environment of an example; prints the data and the keys of the store, or the error's code.
import { pathToFileURL } from 'node:url';
import relay from 'relay-runtime';

const [, , example, params] = process.argv;
const { environment } = await import(pathToFileURL(example));

// What relay-compiler makes of the query.
const field = { alias: null, args: null, storageKey: null };
const scalar = (name) => ({ ...field, kind: 'ScalarField', name });
const linked = (name, concreteType, plural, selections) => ({
  ...field,
  kind: 'LinkedField',
  name,
  concreteType,
  plural,
  selections,
});
const installation = [scalar('id'), scalar('githubInstallationId')];
const operation = {
  argumentDefinitions: [],
  name: 'AppQuery',
  selections: [
    linked('viewer', 'User', false, [
      scalar('id'),
      linked('installations', 'GithubAppInstallation', true, installation),
    ]),
  ],
};
const query = {
  kind: 'Request',
  fragment: { ...operation, kind: 'Fragment', metadata: null, type: 'Query', abstractKey: null },
  operation: { ...operation, kind: 'Operation' },
  params: { metadata: {}, name: operation.name, operationKind: 'query', ...JSON.parse(params) },
};
try {
  console.log((await relay.fetchQuery(environment, query, {}).toPromise()).viewer);
  console.log(environment.getStore().getSource().getRecordIDs().sort().join(' '));
} catch (error) {
  console.log(error.code ?? error);
}
