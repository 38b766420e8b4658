import { browserPolicy } from '../http/browser-policy.js';

/** The policy of the offline IDE, whose scripts add styles without a nonce. */
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
