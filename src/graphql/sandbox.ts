import { browserPolicy } from '../http/browser-policy.js';

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

/** Apollo Sandbox loads from Apollo's CDN. Its page adds a policy with a nonce; browsers enforce both. */
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
