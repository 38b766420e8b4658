import type { ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import { browserPolicy } from '../http/browser-policy.js';

/** The offline IDE, which `explore/` serves. */
export const IDE_PATH = '/graphiql/';

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

/** Apollo's text for a browser without a network: it leads nowhere, and the frame of Sandbox lies over it. */
const APOLLO_FALLBACK = /<div class="fallback">.*?<\/div>\s*<style nonce=(\w+)>/s;

const fallback = (nonce: string) => `<main class="fallback">
  <h1>Apollo Sandbox cannot be loaded</h1>
  <p>It comes from Apollo’s servers, and you might be offline.</p>
  <p><a href="${IDE_PATH}">Use the offline IDE</a></p>
</main>
<style nonce=${nonce}>
  :root:not(:has(iframe)) { color-scheme: light dark; }
  :root:has(iframe) .fallback { display: none; }
  .fallback { position: relative; z-index: 1; max-width: 36rem; margin: 10vh auto; padding: 0 1rem;
    box-sizing: border-box; font: 1rem/1.5 system-ui, sans-serif; }
  .fallback h1 { font-size: 1.5rem; line-height: 1.25; }
  .fallback a { font-weight: 600; }
</style>
<style nonce=${nonce}>`;

/** Apollo Sandbox, with a way on where it cannot be loaded. */
export function sandboxPage(): ApolloServerPlugin {
  const apollo = ApolloServerPluginLandingPageLocalDefault({
    embed: true,
    includeCookies: true,
    document: EXAMPLE_QUERY,
  });
  return {
    async serverWillStart(service) {
      const page = await (await apollo.serverWillStart?.(service))?.renderLandingPage?.();
      const html = async () => {
        const text = typeof page?.html === 'function' ? await page.html() : (page?.html ?? '');
        return text.replace(APOLLO_FALLBACK, (_, nonce: string) => fallback(nonce));
      };
      return { renderLandingPage: async () => ({ html }) };
    },
  };
}
