import { browserPolicy } from '../http/browser-policy.js';

/** The query that the IDEs open with. */
export const EXAMPLE_QUERY = `query MyInstallations {
  viewer {
    id
    installations {
      id
      githubInstallationId
      createdAt
    }
  }
}
`;

const CDN = 'https://*.cdn.apollographql.com';

/**
 * The policy of Apollo Sandbox, whose scripts Apollo's CDN serves. The page brings a policy of its own, with a
 * nonce for its scripts; a browser enforces both.
 */
export const SANDBOX_POLICY = browserPolicy({
  scriptSrc: ["'unsafe-inline'", CDN],
  styleSrc: ["'unsafe-inline'", CDN, 'https://fonts.googleapis.com'],
  fontSrc: ['https://fonts.gstatic.com'],
  imgSrc: [CDN],
  manifestSrc: [CDN],
  frameSrc: ['https://sandbox.embed.apollographql.com'],
  connectSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
});
