import { escaped, page } from '../../http/page.js';
import type { ProvedState } from '../proofs.js';
import type { GithubFlow } from './flow.entity.js';
import type { Outcome } from './outcome.js';

export const CONNECT_PATH = '/github/connect';
/** To both GitHub sends users: they are to be entered in the settings of the App. */
export const CALLBACK_PATH = '/github/callback';
export const SETUP_PATH = '/github/setup';

/** What a person sees: what is so now, and what to do next. */
export interface FlowPage {
  status: number;
  html: string;
}

/** What pages lead to. */
export interface Links {
  /** Of the web application; `null`: not told. */
  returnUrl: string | null;
  /** GitHub's page on which the App is installed; `null`: not known. */
  installUrl: string | null;
  /** Of GitHub's pages. */
  githubUrl: string;
}

type Link = readonly [href: string, label: string];

const TRY_AGAIN: Link = [CONNECT_PATH, 'Try again'];
const CONNECT: Link = [CONNECT_PATH, 'Connect GitHub'];
/** Seconds until a page of progress is loaded again. */
const RELOAD = 2;

function flowPage(
  { returnUrl }: Links,
  content: {
    status?: number;
    title: string;
    paragraphs: readonly string[];
    /** HTML below the paragraphs. */
    list?: string;
    links?: readonly Link[];
    head?: string;
  },
): FlowPage {
  const { status = 200, title, paragraphs, list, links = [], head } = content;
  const back: Link[] = returnUrl === null ? [] : [[returnUrl, 'Back to the application']];
  const items = [...links, ...back].map(
    ([href, label]) => `<p><a href="${escaped(href)}">${escaped(label)}</a></p>`,
  );
  const body = [
    `<h1>${escaped(title)}</h1>`,
    ...paragraphs.map((text) => `<p>${text}</p>`),
    ...(list === undefined ? [] : [`<dl>\n${list}\n</dl>`]),
    ...items,
  ];
  return { status, html: page(title, body.join('\n'), head) };
}

/** @param isInstalled whether GitHub has sent the person here after an installation */
export function signInPage(links: Links, isInstalled: boolean, signInUrl: string | null): FlowPage {
  return flowPage(links, {
    status: isInstalled ? 200 : 401,
    title: isInstalled ? 'The App is at work' : 'Sign in first',
    paragraphs: [
      isInstalled
        ? 'GitHub has kept what you chose. You are not signed in here, so that nothing was added to anybody’s list; whoever may see the installation finds it after connecting.'
        : 'Installations are connected to the user who is signed in, and nobody is.',
      'Sign in to the application, then connect GitHub there.',
    ],
    links: signInUrl === null ? [] : [[signInUrl, 'Sign in']],
  });
}

export function requestedPage(links: Links): FlowPage {
  return flowPage(links, {
    title: 'Your request waits for an owner',
    paragraphs: [
      'GitHub has asked the owners of the organization to install the App. Nothing is installed yet.',
      'As soon as an owner agrees, the installation appears in your list; if it does not, connect GitHub again.',
    ],
    links: [CONNECT],
  });
}

export function deniedPage(links: Links): FlowPage {
  return flowPage(links, {
    title: 'Nothing was connected',
    paragraphs: [
      'At GitHub, you did not give your permission. Your list is as it was.',
      'The permission only shows who you are, and which installations you may see. It can be given at any time.',
    ],
    links: [TRY_AGAIN],
  });
}

/** The state is unknown, used, old, or somebody else's: which one is not told. */
export function expiredPage(links: Links): FlowPage {
  return flowPage(links, {
    status: 400,
    title: 'This attempt cannot be finished',
    paragraphs: [
      'It was begun more than 10 minutes ago, by another user, or in another browser. Nothing was changed.',
      'Begin again here, and stay in this browser.',
    ],
    links: [TRY_AGAIN],
  });
}

/** GitHub, or an address that a person has typed, says nothing that could be gone on with. */
export function unclearPage(links: Links): FlowPage {
  return flowPage(links, {
    status: 400,
    title: 'There is nothing to finish here',
    paragraphs: ['This address lacks what GitHub adds to it. Nothing was changed.'],
    links: [CONNECT],
  });
}

export function misconfiguredPage(links: Links, reason: string): FlowPage {
  return flowPage(links, {
    status: 502,
    title: 'GitHub does not know this server',
    paragraphs: [
      `GitHub says <code>${escaped(reason)}</code>. Nothing was changed, and trying again does not help.`,
      'Tell the operator of this server: its client id, client secret or callback URL is not that of the App.',
    ],
  });
}

export function failedPage(links: Links, status: number, message: string): FlowPage {
  return flowPage(links, {
    status,
    title: 'That did not work',
    paragraphs: [escaped(message)],
    links: [TRY_AGAIN],
  });
}

export function interruptedPage(links: Links): FlowPage {
  return flowPage(links, {
    status: 503,
    title: 'The attempt was interrupted',
    paragraphs: ['This server was restarted while it asked GitHub. Nothing was changed.'],
    links: [TRY_AGAIN],
  });
}

export function progressPage(links: Links, { pages }: Pick<GithubFlow, 'pages'>): FlowPage {
  const count = pages === 1 ? '1 page' : `${pages.toLocaleString('en')} pages`;
  return flowPage(
    { ...links, returnUrl: null },
    {
      title: 'Asking GitHub',
      paragraphs: [
        `GitHub lists what you may see: ${count} so far, of 100 repositories each at most.`,
        'This page goes on by itself.',
      ],
      head: `<meta http-equiv="refresh" content="${RELOAD}">\n`,
    },
  );
}

export function outcomePage(links: Links, outcome: Outcome, named: string | null): FlowPage {
  switch (outcome.kind) {
    case 'proved':
      return provedPage(links, outcome, named);
    case 'other-account':
      return otherAccountPage(links, outcome);
    case 'withdrawn':
      return failedPage(
        links,
        409,
        'The permission was withdrawn at GitHub meanwhile. What rested on it has ended.',
      );
    case 'code-refused':
      return failedPage(
        links,
        400,
        'GitHub does not take the code any more: it was used before, or is too old. Nothing was changed.',
      );
    case 'misconfigured':
      return misconfiguredPage(links, outcome.reason);
    case 'limited':
      return failedPage(
        links,
        503,
        `GitHub wants to be left alone for ${minutesOf(outcome.seconds)}. Nothing was changed; try again then.`,
      );
    case 'github-away':
      return failedPage(
        links,
        502,
        'GitHub does not answer as it should. Nothing was changed; try again in a few minutes.',
      );
    case 'database-away':
      return failedPage(
        links,
        503,
        'What GitHub lists could not be kept. Nothing was changed; try again in a few minutes.',
      );
  }
}

/** Whether the user needs to be told nothing, and may go on at once. */
export function isPlain(outcome: Outcome, named: string | null): boolean {
  return (
    outcome.kind === 'proved' &&
    outcome.installations.length > 0 &&
    outcome.installations.every(({ state }) => state === 'linked') &&
    (named === null || outcome.installations.some(({ id }) => id === named))
  );
}

function otherAccountPage(
  links: Links,
  { login, bound }: { login: string; bound: string | null },
): FlowPage {
  const name = bound === null ? 'another one' : `<b>${escaped(bound)}</b>`;
  return flowPage(links, {
    status: 409,
    title: 'This is another GitHub account',
    paragraphs: [
      `At GitHub you are <b>${escaped(login)}</b>, and here you are connected with ${name}. Nothing was changed.`,
      'Sign in at GitHub with the account that is connected, then try again. To change the account, ask the operator of this server.',
    ],
    links: [[`${links.githubUrl}/logout`, 'Sign out at GitHub'], TRY_AGAIN],
  });
}

const STATES: Record<ProvedState['state'], string> = {
  linked: 'in your list',
  suspended: 'in your list; suspended at GitHub, until it is unsuspended there',
  declined: 'not in your list, as you have unlinked it',
  'not-served': 'not in your list: this server does not serve the account',
  'not-insertable': 'not in your list: the database refuses it. Tell the operator of this server',
  gone: 'not in your list: it was uninstalled, or your access has ended',
};

function provedPage(
  links: Links,
  { login, installations }: { login: string; installations: readonly ProvedState[] },
  named: string | null,
): FlowPage {
  const me = `At GitHub you are <b>${escaped(login)}</b>.`;
  const install: Link[] =
    links.installUrl === null ? [] : [[links.installUrl, 'Install the App at GitHub']];
  if (installations.length === 0)
    return flowPage(links, {
      title: 'There is no installation yet',
      paragraphs: [
        `${me} GitHub lists no installation of this App that you may see.`,
        'Install it, or ask an owner of your organization to. If it is installed, ask for access to one of its repositories.',
      ],
      links: [...install, TRY_AGAIN],
    });
  const first = ({ id }: ProvedState) => (id === named ? 0 : 1);
  const sorted = [...installations].sort((a, b) => first(a) - first(b));
  const rows = sorted.map(
    ({ id, login, state }) =>
      `<div><dt>${escaped(login ?? id)}</dt><dd>${STATES[state]}${state === 'declined' ? `. <a href="${CONNECT_PATH}?installation_id=${id}">Link it again</a>` : ''}</dd></div>`,
  );
  const isMissing = named !== null && installations.every(({ id }) => id !== named);
  return flowPage(links, {
    title: isMissing ? 'That installation is not yours to see' : 'GitHub is connected',
    paragraphs: [
      me,
      ...(isMissing
        ? [
            `GitHub does not list installation ${escaped(named)} to you: ask an owner of its account for access. These it lists:`,
          ]
        : []),
    ],
    list: rows.join('\n'),
    links: install,
  });
}

function minutesOf(seconds: number): string {
  const minutes = Math.ceil(seconds / 60);
  return minutes === 1 ? 'a minute' : `${minutes} minutes`;
}
