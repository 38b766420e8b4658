import type { ApolloServerPlugin } from '@apollo/server';
import { OperationTypeNode } from 'graphql';
import { refuseCrossSite } from '../http/cross-site.js';
import type { Context } from '../session/context.js';

/** Refuses mutations that a page of another site sends. */
export function protectMutations(origins: readonly string[]): ApolloServerPlugin<Context> {
  return {
    requestDidStart: async () => ({
      async didResolveOperation({ operation, request: { http } }) {
        if (operation?.operation !== OperationTypeNode.MUTATION) return;
        const headerOf = (name: string) => http?.headers.get(name);
        refuseCrossSite(
          {
            origin: headerOf('origin'),
            host: headerOf('host'),
            'sec-fetch-site': headerOf('sec-fetch-site'),
          },
          origins,
        );
      },
    }),
  };
}
