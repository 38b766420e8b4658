import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet from 'helmet';

/** What a page may load and do, by the names of the Content Security Policy, in camel case. */
export type Directives = Record<string, string[]>;

/**
 * The headers that hold a browser to a policy, as helmet writes them. Made once, not for each request:
 * as a hook of Fastify, helmet costs more than the rest of a small answer. See docs/decisions/0008.
 */
export function browserPolicy(directives: Directives): Record<string, string> {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const writeHeaders = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], ...directives },
    },
    // TLS ends at the proxy in front, which knows whether all of its host is served so.
    strictTransportSecurity: false,
    // The policy says it (frame-ancestors), or no browser of these years looks at it.
    xFrameOptions: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
    originAgentCluster: false,
    // Of windows, where a page opens others; ours opens none.
    crossOriginOpenerPolicy: false,
  });
  writeHeaders(response.req, response, () => {});
  // Copied: what Node.js returns has no prototype, and V8 lists its keys anew each time.
  return { ...(response.getHeaders() as Record<string, string>) };
}

/** For data, which loads nothing and is shown in no frame. */
export const DATA_POLICY = browserPolicy({});
