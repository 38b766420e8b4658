import { request as open } from 'node:http';
import { ACCOUNT_LOGIN, PAGE } from './seed.js';

const QUERY = `query ($id: ID!) {
  user(id: $id) {
    installations { id neptunUserId githubInstallationId createdAt updatedAt }
  }
}`;

const FILTERED_QUERY = `query ($id: ID!) {
  user(id: $id) {
    installations(accountLogin: "${ACCOUNT_LOGIN}") {
      id neptunUserId githubInstallationId createdAt updatedAt
      account { login type }
    }
  }
}`;

const REPOSITORIES_QUERY = `query ($id: ID!) {
  user(id: $id) {
    installations {
      id neptunUserId githubInstallationId createdAt updatedAt
      account { login type }
      repositories(first: ${PAGE}) { nodes { githubRepositoryId name isFork language pushedAt } }
    }
  }
}`;

const graphql = (title, ownQuery) => ({
  title,
  request: (user, { path = '/graphql', query = ownQuery } = {}) => ({
    method: 'POST',
    path,
    cookie: user.cookie,
    body: JSON.stringify({ query, variables: { id: user.id } }),
  }),
  rows: (answer) => answer.data?.user?.installations,
  refused: (status, answer, expected) =>
    status === 200 &&
    answer.data?.user === null &&
    answer.errors[0].extensions.code ===
      { anonymous: 'UNAUTHENTICATED', hidden: 'NOT_FOUND' }[expected],
});

/** How each kind of request is written, and how its answers are read. */
export const kinds = {
  rest: {
    title: 'REST',
    request: (user) => ({
      method: 'GET',
      path: `/api/users/${user.id}/installations`,
      cookie: user.cookie,
    }),
    rows: (answer) => answer,
    refused: (status, answer, expected) =>
      status === { anonymous: 401, hidden: 404 }[expected] && !Array.isArray(answer),
  },
  graphql: graphql('GraphQL', QUERY),
  filtered: {
    ...graphql('GraphQL, account and filter', FILTERED_QUERY),
    shown: { accountLogin: ACCOUNT_LOGIN },
  },
  repositories: {
    ...graphql('GraphQL, account and repositories', REPOSITORIES_QUERY),
    shown: { repositories: true },
  },
};

/** The kinds that every measure asks for; `peers` measures the others as well. */
export const mainKinds = ['rest', 'graphql'];

/** The rows in an answer, still under the candidate's own names; undefined when there are none. */
export const rowsOf = (candidate, kind, answer) => (candidate.rows ?? kinds[kind].rows)(answer);

/** Sends one request, on a connection of its own unless an agent keeps some, and reads the whole answer. */
export function ask(port, { method, path, cookie, body, headers: others }, agent = false) {
  const headers = {
    ...(cookie && { cookie }),
    ...(body && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    ...others,
  };
  return new Promise((resolve, reject) => {
    const fail = (error) => reject(new Error(`${method} ${path}: ${error.message}`));
    const options = { host: '127.0.0.1', port, method, path, headers, agent };
    open(options, (response) => {
      response
        .setEncoding('utf8')
        .toArray()
        .then((parts) => {
          const text = parts.join('');
          resolve({ status: response.statusCode, text, json: () => JSON.parse(text) });
        }, fail);
    })
      .once('error', fail)
      .end(body);
  });
}
