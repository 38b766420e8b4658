import { browserPolicy } from '../operations/browser-policy.js';

const CDN = 'https://*.cdn.apollographql.com';

/**
 * Of Sandbox, which Apollo's CDN serves. Its page brings a policy of its own, with a nonce for its scripts;
 * both count, so that this one only bounds it.
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

/** Of the offline IDE, whose styles come from its scripts, without a nonce. */
export const idePolicy = (nonce: string) =>
  browserPolicy({
    scriptSrc: ["'self'", `'nonce-${nonce}'`],
    styleSrc: ["'self'", "'unsafe-inline'"],
    fontSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    workerSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
  });
