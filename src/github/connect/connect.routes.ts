import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CodedError, logFailure } from '../../errors.js';
import { isCrossSite } from '../../http/cross-site.js';
import { nameMethods } from '../../http/errors.js';
import { PAGE_POLICY } from '../../http/page.js';
import { type Connecting, hasGone } from './connecting.js';
import { isSecret, newSecret, type Owner } from './flows.js';
import {
  CALLBACK_PATH,
  CONNECT_PATH,
  deniedPage,
  expiredPage,
  type FlowPage,
  failedPage,
  interruptedPage,
  isPlain,
  type Links,
  misconfiguredPage,
  outcomePage,
  progressPage,
  requestedPage,
  SETUP_PATH,
  signInPage,
  unclearPage,
} from './pages.js';

export interface ConnectRoutesOptions {
  connecting: Connecting;
  /** This server's own URL, without a trailing slash; `null`, in development only: as the browser names it. */
  publicUrl: string | null;
  returnUrl: string | null;
  /** Of GitHub's pages. */
  githubUrl: string;
  /** GitHub's page on which the App is installed; `null`: not known yet. */
  installUrl: () => string | null;
  /** Whose pages may name an installation. */
  origins: readonly string[];
  /** Where a person signs in; `null`: not here. */
  signInUrl: string | null;
}

const RESULT_PATH = '/github/result';
/** Milliseconds that a browser waits for GitHub's lists, before it is shown how far they are. */
const PATIENCE = 3_000;
/** Seconds that the browser keeps the cookie of the flow. */
const COOKIE_AGE = 900;
/** GitHub's words for what is wrong: an address could say anything else here. */
const ERROR = /^[a-z_]{1,40}$/;
const INSTALLATION_ID = /^[1-9]\d{0,17}$/;

type Query = { Querystring: Record<string, string | string[] | undefined> };

/** How a user proves to have installations: what GitHub says decides, and nothing that an address says. */
export function connectRoutes(app: FastifyInstance, options: ConnectRoutesOptions): void {
  const { connecting, origins } = options;
  const { returnUrl, githubUrl } = options;
  // In development, the start page stands for the web application.
  const backUrl = returnUrl ?? options.signInUrl;
  const linksNow = (): Links => ({
    returnUrl: backUrl,
    githubUrl,
    installUrl: options.installUrl(),
  });
  const show = (reply: FastifyReply, { status, html }: FlowPage) =>
    reply.code(status).headers(PAGE_POLICY).type('text/html; charset=utf-8').send(html);
  const ownUrl = ({ headers }: FastifyRequest) =>
    options.publicUrl ?? `http://${headers.host ?? 'localhost'}`;
  const isSecure = options.publicUrl?.startsWith('https:') ?? false;
  const cookieName = isSecure ? '__Host-github-flow' : 'github-flow';

  const ownerOf = ({ context, headers }: FastifyRequest): Owner | null => {
    const browser = cookieOf(headers.cookie, cookieName);
    return context.viewer && isSecret(browser) ? { userId: context.viewer.id, browser } : null;
  };
  const signIn = (reply: FastifyReply, isInstalled = false) =>
    show(reply, signInPage(linksNow(), isInstalled, options.signInUrl));

  app.setErrorHandler<Error & { statusCode?: number }>((error, request, reply) => {
    const isOurs = error instanceof CodedError;
    const status = isOurs ? error.status : (error.statusCode ?? 500);
    if (isOurs || status >= 500) logFailure(request.log, error);
    const message =
      isOurs || status < 500 ? error.message : new CodedError('INTERNAL_SERVER_ERROR').message;
    return show(reply, failedPage(linksNow(), status, message));
  });

  const get = (
    url: string,
    handler: (request: FastifyRequest<Query>, reply: FastifyReply) => Promise<unknown>,
  ) => {
    // A HEAD would begin a flow, or use it up.
    app.get<Query>(url, { exposeHeadRoute: false }, handler);
    nameMethods(app, url, ['GET', 'OPTIONS']);
  };

  get(CONNECT_PATH, async (request, reply) => {
    const { viewer } = request.context;
    if (!viewer) return signIn(reply);
    const installationId = idIn(request.query.installation_id);
    const known = cookieOf(request.headers.cookie, cookieName);
    const browser = isSecret(known) ? known : newSecret();
    const to = await connecting.begin(
      { userId: viewer.id, browser },
      `${ownUrl(request)}${CALLBACK_PATH}`,
      // Another site could name what the user has unlinked.
      { installationId, isWanted: installationId !== null && !cameFromElsewhere(request, origins) },
    );
    return reply
      .header(
        'set-cookie',
        `${cookieName}=${browser}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${COOKIE_AGE}${isSecure ? '; Secure' : ''}`,
      )
      .redirect(to, 303);
  });

  /** GitHub says after an installation what was done, and may bring a code that no flow of ours has asked for. */
  const beginAfterSetup = async (request: FastifyRequest<Query>, reply: FastifyReply) => {
    const { setup_action: action, installation_id: installationId } = request.query;
    if (action === 'request') {
      // Not for whoever knows the address: GitHub is asked.
      if (request.context.viewer) connecting.noteRequest();
      return show(reply, requestedPage(linksNow()));
    }
    if (!request.context.viewer) return signIn(reply, true);
    const id = idIn(installationId);
    const query = id === null ? '' : `?installation_id=${id}`;
    return reply.redirect(`${ownUrl(request)}${CONNECT_PATH}${query}`, 303);
  };

  get(SETUP_PATH, beginAfterSetup);

  get(CALLBACK_PATH, async (request, reply) => {
    const { code, state, error, setup_action: action, installation_id: id } = request.query;
    const links = linksNow();
    if (error === 'access_denied') return show(reply, deniedPage(links));
    if (typeof error === 'string') {
      const reason = ERROR.test(error) ? error : 'unknown_error';
      request.log.warn({ reason }, 'GitHub refuses to authorize users');
      return show(reply, misconfiguredPage(links, reason));
    }
    const isOfSetup = action !== undefined || id !== undefined;
    if (typeof state !== 'string' || typeof code !== 'string')
      return isOfSetup || typeof code === 'string'
        ? beginAfterSetup(request, reply)
        : show(reply, unclearPage(links));
    if (!request.context.viewer) return signIn(reply);
    const owner = ownerOf(request);
    const redirectUri = `${ownUrl(request)}${CALLBACK_PATH}`;
    const flow = owner && (await connecting.take(state, code, owner, redirectUri));
    if (!owner || flow === null) return show(reply, expiredPage(links));
    await connecting.settled(flow, owner, PATIENCE);
    return reply.redirect(`${ownUrl(request)}${RESULT_PATH}?flow=${flow}`, 303);
  });

  get(RESULT_PATH, async (request, reply) => {
    const { flow: id } = request.query;
    if (!request.context.viewer) return signIn(reply);
    const owner = ownerOf(request);
    const flow = owner && typeof id === 'string' ? await connecting.settled(id, owner, 0) : null;
    const links = linksNow();
    if (!flow?.takenAt) return show(reply, expiredPage(links));
    const { outcome, namedInstallationId: named } = flow;
    if (!outcome)
      return show(reply, hasGone(flow) ? interruptedPage(links) : progressPage(links, flow));
    if (returnUrl !== null && isPlain(outcome, named)) return reply.redirect(returnUrl, 303);
    return show(reply, outcomePage(links, outcome, named));
  });
}

/** Whether a page of another site led here, by `Sec-Fetch-Site` or, of older browsers, by `Referer`. */
function cameFromElsewhere({ headers }: FastifyRequest, origins: readonly string[]): boolean {
  const { referer, host, 'sec-fetch-site': site } = headers;
  const origin = referer && URL.canParse(referer) ? new URL(referer).origin : undefined;
  return isCrossSite({ origin, host, 'sec-fetch-site': site }, origins);
}

function idIn(value: string | string[] | undefined): string | null {
  return typeof value === 'string' && INSTALLATION_ID.test(value) ? value : null;
}

function cookieOf(header: string | undefined, name: string): string | undefined {
  const pairs = (header ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}
