import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet from 'helmet';

/** Directives of the Content Security Policy, in camel case. */
export type Directives = Record<string, string[]>;

/** Computed once: as a Fastify hook, helmet costs more than a small response. See docs/decisions/0008-browser-policy.md. */
export function browserPolicy(directives: Directives): Record<string, string> {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const writeHeaders = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], ...directives },
    },
    // Set by the proxy that terminates TLS for the whole host.
    strictTransportSecurity: false,
    // Superseded by frame-ancestors, or ignored by current browsers.
    xFrameOptions: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
    originAgentCluster: false,
    // Applies to pages that open windows; these open none.
    crossOriginOpenerPolicy: false,
  });
  writeHeaders(response.req, response, () => {});
  // Copied: V8 enumerates the keys of an object without a prototype slowly.
  return { ...(response.getHeaders() as Record<string, string>) };
}

/** The policy of JSON, which loads nothing and is shown in no frame. */
export const DATA_POLICY = browserPolicy({});
