import { jest } from '@jest/globals';
import fc from 'fast-check';
import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  getOperationAST,
  isAbstractType,
  isListType,
  isObjectType,
  parse,
} from 'graphql';
import { compileQuery } from '../../src/graphql/compile-query.js';
import { CompiledOperations, stringifyResult } from '../../src/graphql/compiled-operations.js';
import { createSchema, type SchemaDependencies } from '../../src/graphql/schema.js';
import { conditionsOf } from '../../src/graphql/selected-fields.js';
import type { Context } from '../../src/session/context.js';
import { RequestReads } from '../../src/session/request-reads.js';
import type { Calls } from './compiled-schema.js';
import { addInstallationFacts, addRepositories } from './facts.js';
import { type Operation, randomOperations } from './random-operations.js';
import type { TestServer } from './server.js';

/** What the compared operations had, by how many of them. */
class Coverage {
  readonly counts: Record<string, number> = {};

  add(...features: string[]): void {
    for (const feature of features) this.counts[feature] = (this.counts[feature] ?? 0) + 1;
  }

  of(feature: string): number {
    return this.counts[feature] ?? 0;
  }
}

/** Finds what of an operation its compiled query must handle. */
function featureFinder(schema: GraphQLSchema): (query: string) => string[] {
  const named = (is: (type: GraphQLOutputType) => boolean) => {
    const types = Object.values(schema.getTypeMap()).filter(
      (type) => isObjectType(type) && !type.name.startsWith('__'),
    ) as GraphQLObjectType[];
    const fields = types.flatMap((type) => Object.values(type.getFields()));
    const names = fields.filter(({ type }) => is(type)).map(({ name }) => name);
    return new RegExp(`\\b(${names.join('|') || '$.'})\\b`);
  };
  const features: [string, RegExp][] = [
    ['fragments', /\.\.\.\w/],
    ['inline fragments', /\.\.\. /],
    ['directives', /@/],
    ['conditions', /: \$c\d/],
    ['arguments', /\w\(/],
    ['lists', named((type) => isListType(getNullableType(type)))],
    ['abstract types', named((type) => isAbstractType(getNamedType(type)))],
  ];
  return (query) =>
    features.filter(([, pattern]) => pattern.test(query)).map(([feature]) => feature);
}

/** Compares compiled operations with `execute` of `graphql`. */
export class ExecutionComparison {
  readonly coverage = new Coverage();
  readonly #schema: GraphQLSchema;
  readonly #compiled: CompiledOperations;
  readonly #featuresOf: (query: string) => string[];

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
    this.#compiled = new CompiledOperations(schema, { info: () => {} });
    this.#featuresOf = featureFinder(schema);
  }

  /** @throws where the two answers differ, or their calls of resolvers */
  async compare({ query, operationName, variables }: Operation): Promise<void> {
    const schema = this.#schema;
    const document = parse(query);
    const executed = createContext();
    const expected = (await execute({
      schema,
      document,
      variableValues: variables,
      operationName: operationName ?? null,
      contextValue: executed,
    })) as ExecutionResult;
    const body = { query, variables, ...(operationName !== undefined && { operationName }) };
    const inPipeline = createContext();
    const hooks = (await this.#compiled.plugin.requestDidStart?.({} as never)) as any;
    const response = await hooks.responseForOperation({
      source: query,
      document,
      operation: getOperationAST(document, operationName),
      request: body,
      contextValue: inPipeline,
    });
    const beforeIt = createContext();
    const first = response && stringifyResult(response.body.singleResult);
    const second = await this.#compiled.answer(body, { context: beforeIt });

    if (expected.errors) {
      this.coverage.add('errors');
      expectSame([first, second], [null, null], 'an answer has errors');
    } else if (isCompilable(schema, document, variables)) {
      this.coverage.add('compiled', ...this.#featuresOf(query));
      const text = `${JSON.stringify(expected)}\n`;
      expectSame([first, second], [text, text], 'the answers differ');
      const calls = executed.calls.sort();
      expectSame(inPipeline.calls.sort(), calls, 'the calls in the pipeline differ');
      expectSame(beforeIt.calls.sort(), calls, 'the calls before the pipeline differ');
    } else {
      this.coverage.add('not compiled');
      expectSame([first, second], [null, null], 'a fallback has an answer');
    }
  }
}

/** The `Accept` of common clients. */
const ACCEPTED = [
  '*/*',
  'application/json',
  'application/graphql-response+json,application/json;q=0.9',
  'text/html;q=0.1, application/json',
];
/** With another operation beside it, a query is not compiled. */
const BESIDE = '\nquery Beside { __typename }';

/** How a random operation is sent. */
export interface Request {
  readonly operation: Operation;
  readonly anonymous: boolean;
  readonly accept: string;
}

/** Compares compiled operations with Apollo's execution, over HTTP. */
export class ServerComparison {
  readonly coverage = new Coverage();
  readonly requests: fc.Arbitrary<Request>;
  readonly #server: TestServer;
  readonly #viewer: string;
  readonly #schema: GraphQLSchema;
  readonly #answers = jest.spyOn(CompiledOperations.prototype, 'answer');
  readonly #featuresOf: (query: string) => string[];

  private constructor(server: TestServer, viewer: string, other: string) {
    this.#server = server;
    this.#viewer = viewer;
    // Its resolvers are not called.
    this.#schema = createSchema({} as SchemaDependencies);
    this.#featuresOf = featureFinder(this.#schema);
    const scalars = {
      ID: [...Array(12).fill(viewer), other, 'nobody', 17, '\u0000'],
      // The cursor of a repository among them.
      String: ['Acme', 'acme', 'ACME', 'WyJiIiwiMiJd', ''],
      Int: [...Array(5).fill(1), 0, 2, 30, 100, 101],
    };
    this.requests = fc.record({
      operation: randomOperations(this.#schema, { scalars, depth: 4, oneNamed: true }),
      anonymous: fc.integer({ min: 0, max: 9 }).map((number) => number === 9),
      accept: fc.constantFrom(...ACCEPTED),
    });
  }

  /** Adds users with installations. */
  static async create(server: TestServer): Promise<ServerComparison> {
    const viewer = await server.addUser(['98765432101', '12', '-5', '17']);
    await server.sql(
      `UPDATE github_app_installation SET github_account_name = 'Ac"me', github_account_type = 'Organization'
       WHERE neptun_user_id = $1 AND github_installation_id = '12'`,
      [viewer],
    );
    await addInstallationFacts(server, [
      {
        id: '98765432101',
        accountLogin: 'Acme',
        permissions: { metadata: 'read', checks: 'write' },
      },
      { id: '17', suspendedAt: new Date(), repositorySelection: 'selected' },
    ]);
    await addRepositories(server, '98765432101', [
      { id: '1', name: 'A', description: 'an "a"', visibility: 'public', pushedAt: new Date() },
      { id: '2', name: 'b' },
      { id: '3', name: 'c', isPrivate: true },
    ]);
    return new ServerComparison(server, viewer, await server.addUser(['3']));
  }

  /** @throws where answers differ */
  async compare({ operation, anonymous, accept }: Request): Promise<void> {
    const { query, variables } = operation;
    const send = async (query: string) => {
      this.#answers.mockClear();
      const response = await this.#server.graphql(
        { query, operationName: 'Q', variables },
        { as: anonymous ? null : this.#viewer, headers: { accept } },
      );
      const headers = Object.fromEntries(response.headers);
      for (const name of ['date', 'x-request-id']) delete headers[name];
      return { status: response.status, headers, text: await response.text() };
    };
    const executed = await send(query + BESIDE);
    // By Apollo Server's pipeline, where it is compiled; and then before it.
    expectSame(await send(query), executed, 'the answers in the pipeline differ');
    expectSame(await send(query), executed, 'the answers before the pipeline differ');
    const isWritten = ((await this.#answers.mock.results[0]?.value) ?? null) !== null;
    const hasErrors = executed.text.includes('"errors"');
    const isUsual = accept !== ACCEPTED.at(-1);
    const isExpected = isUsual && !hasErrors && isCompilable(this.#schema, parse(query), variables);
    expectSame(isWritten, isExpected, 'whether a compiled query answers');
    if (hasErrors) this.coverage.add('errors');
    if (isWritten) this.coverage.add('compiled', ...this.#featuresOf(query));
  }

  /** Ends its watch on the compiled queries. */
  close(): void {
    this.#answers.mockRestore();
  }
}

/** Directives whose variables are null are an error only where `graphql` meets them. */
function isCompilable(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Operation['variables'],
): boolean {
  const hasNull = [...conditionsOf(document).variables].some((name) => variables[name] === null);
  return !hasNull && typeof compileQuery(schema, document) !== 'string';
}

function createContext(): Calls {
  const log = {} as Context['log'];
  return { viewer: null, rejection: 'none', log, reads: new RequestReads(), calls: [] };
}

function expectSame(received: unknown, expected: unknown, message: string): void {
  const [text, other] = [JSON.stringify(received), JSON.stringify(expected)];
  if (text !== other) throw new Error(`${message}:\n${text}\n${other}`);
}
