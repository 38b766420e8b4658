import { expect } from '@jest/globals';
import type { DataSource } from 'typeorm';
import type { Account, Installation } from '../../src/explore/demo-github/model.js';
import type { GithubClients } from '../../src/github/client.js';
import { MemberLists } from '../../src/github/member-lists.js';
import { Agent } from '../helpers/agent.js';
import type { TestGithub } from '../helpers/github.js';
import { GRANTS } from '../helpers/grants.js';
import { pick, type Step, usersOf } from '../helpers/histories.js';
import { cookieOf } from '../helpers/server.js';

/** What GitHub listed to a person: private repositories of each installation. */
type Proof = Map<string, Set<string>>;

interface Person {
  userId: string;
  github: Account;
  /** Whether this server knows the account. */
  isKnown: boolean;
  /** What lasts, by the evidence; of an older proof as well, where an event may have been lost. */
  proof: Proof;
  everProved: Proof;
  declined: Set<string>;
  /** Suspended installations of organizations that the person has left: nobody is told. */
  leftUnseen: Set<string>;
}

const TABLES =
  'github_identity, github_grant, github_link, github_sender, github_member, github_member_list, github_flow, github_app_installation';

/** The users of a history, and what they may see by the evidence that there was. */
export class HistoryPeople {
  readonly #github: TestGithub;
  readonly #dataSource: DataSource;
  readonly #clients: GithubClients;
  readonly #url: () => string;
  #people: Person[] = [];

  constructor(
    github: TestGithub,
    dataSource: DataSource,
    clients: GithubClients,
    url: () => string,
  ) {
    this.#github = github;
    this.#dataSource = dataSource;
    this.#clients = clients;
    this.#url = url;
  }

  async begin(): Promise<void> {
    await this.#dataSource.query(`TRUNCATE ${TABLES}`);
    this.#people = usersOf(this.#github.world.accounts).map((github) => ({
      userId: `user-of-${github.id}`,
      github,
      isKnown: false,
      proof: new Map(),
      everProved: new Map(),
      declined: new Set(),
      leftUnseen: new Set(),
    }));
    for (const { userId } of this.#people)
      await this.#dataSource.query('INSERT INTO neptun_user (id) VALUES ($1)', [userId]);
  }

  /** What an action at GitHub takes away, as soon as its event has arrived. */
  note({ name, one, other }: Step): void {
    const { accounts } = this.#github.world;
    if (name === 'revoke') this.#of(pick(usersOf(accounts), one))?.proof.clear();
    if (name !== 'leave') return;
    const organization = pick(
      accounts.filter(({ type }) => type === 'Organization'),
      one,
    );
    const person = this.#of(pick(usersOf(accounts), other));
    if (!organization || !person) return;
    if (!this.#github.world.membersOf(organization).has(person.github)) return;
    for (const { id, suspendedAt } of this.#github.world.installationsOf(organization))
      if (suspendedAt) person.leftUnseen.add(String(id));
      else person.proof.delete(String(id));
  }

  /** @returns whether it is a step of theirs */
  async happen({ name, one, other }: Step): Promise<boolean> {
    const person = pick(this.#people, one);
    if (!person) return false;
    if (name === 'connect') await this.#connect(person);
    else if (name === 'relink')
      await this.#connect(person, pick([...person.declined], other) ?? '1');
    else if (name === 'unlink') await this.#unlink(person, other);
    else return false;
    return true;
  }

  async connectAll(): Promise<void> {
    for (const person of this.#people) expect(await this.#connect(person)).toBe(true);
  }

  /** As a sync does after an hour. */
  async forgetLists(): Promise<void> {
    await this.#dataSource.query("UPDATE github_member_list SET due_at = 'infinity'");
  }

  async listMembers(): Promise<void> {
    await this.#dataSource.query(
      "UPDATE github_member_list SET due_at = now() WHERE due_at > now() AND due_at < 'infinity'",
    );
    const onFailure = () => {};
    const options = { dataSource: this.#dataSource, clients: this.#clients, grants: GRANTS };
    await new MemberLists({ ...options, onFailure }).refresh(new AbortController().signal);
  }

  /** Whether no list of members is due, here or in the server, which may have taken one. */
  async areListed(): Promise<boolean> {
    const due = "SELECT 1 FROM github_member_list WHERE due_at < 'infinity'";
    return (await this.#dataSource.query(due)).length === 0;
  }

  /** Nobody sees more than the evidence holds, nor less than what needs no proof. */
  async check(isLossless: boolean): Promise<void> {
    for (const person of this.#people) {
      const seen = await this.#seenBy(person);
      const proved = isLossless ? person.proof : person.everProved;
      const lasting = person.isKnown ? this.#withoutProof(person) : [];
      const may = [...lasting, ...proved.keys(), ...this.#notTold(person)].filter(
        (id) => !person.declined.has(id),
      );
      for (const [id, repositories] of seen) {
        expect(may).toContain(id);
        for (const repository of repositories)
          expect([...(proved.get(id) ?? [])]).toContain(repository);
      }
      // Of a suspended one, the members cannot be asked for.
      const { installations } = this.#github.world;
      const certain = lasting.filter((id) => !installations.get(Number(id))?.suspendedAt);
      for (const id of certain.filter((id) => !person.declined.has(id)))
        expect([...seen.keys()]).toContain(id);
    }
  }

  /** After everybody has connected, everybody sees what GitHub lists. */
  async checkAll(): Promise<void> {
    for (const person of this.#people) {
      const seen = await this.#seenBy(person);
      const listed = this.#listedTo(person);
      const theirs = [...listed.keys(), ...this.#withoutProof(person)].filter(
        (id) => !person.declined.has(id),
      );
      const untold = this.#notTold(person).filter((id) => !theirs.includes(id));
      const certain = [...seen.keys()].filter((id) => !untold.includes(id));
      expect(certain.sort()).toEqual([...new Set(theirs)].sort());
      for (const [id, repositories] of seen) {
        const { suspendedAt } = this.#github.world.installations.get(Number(id)) as Installation;
        if (!suspendedAt)
          expect([...repositories].sort()).toEqual([...(listed.get(id) ?? [])].sort());
      }
    }
  }

  /** What the person may still see, until it is suspended no more and its members can be asked for. */
  #notTold({ leftUnseen }: Person): string[] {
    const { installations } = this.#github.world;
    return [...leftUnseen].filter((id) => installations.get(Number(id))?.suspendedAt);
  }

  #of(account: Account | undefined): Person | undefined {
    return this.#people.find(({ github }) => github === account);
  }

  /** By the account, and by membership. */
  #withoutProof({ github }: Person): string[] {
    const { world, app } = this.#github;
    return world
      .installationsOf(app)
      .filter(({ account }) => account === github || world.membersOf(account).has(github))
      .map(({ id }) => String(id));
  }

  #listedTo({ github }: Person): Proof {
    const { world, app } = this.#github;
    const open = world.installationsOf(app).filter((one) => world.isOpenTo(github, one));
    return new Map(
      open.map((one) => [
        String(one.id),
        new Set(
          one.suspendedAt
            ? []
            : world
                .readableBy(github, one)
                .filter(({ visibility }) => visibility !== 'public')
                .map(({ id }) => String(id)),
        ),
      ]),
    );
  }

  /** @returns whether the proof was written */
  async #connect(person: Person, wanted: string | null = null): Promise<boolean> {
    const listed = this.#listedTo(person);
    const agent = await new Agent().signIn(this.#url(), person.userId);
    const query = wanted === null ? '' : `?installation_id=${wanted}`;
    const chooser = await agent.open(`${this.#url()}/github/connect${query}`);
    // As the server has just begun.
    if (chooser.status !== 200) return false;
    let { status, url: at, text } = await agent.open(`${chooser.url}&as=${person.github.login}`);
    while (text.includes('http-equiv="refresh"'))
      ({ status, url: at, text } = await agent.open(at));
    if (status !== 200) return false;
    person.isKnown = true;
    person.proof = listed;
    for (const [id, repositories] of listed)
      person.everProved.set(id, new Set([...(person.everProved.get(id) ?? []), ...repositories]));
    if (wanted !== null && listed.has(wanted)) person.declined.delete(wanted);
    return true;
  }

  async #unlink(person: Person, number: number): Promise<void> {
    const row = pick(await this.#rowsOf(person), number);
    if (!row) return;
    const { status } = await this.#ask(person, `/${row.id}`, { method: 'DELETE' });
    // An event may have taken it away meanwhile.
    if (status === 200) person.declined.add(row.github_installation_id);
    else expect(status).toBe(404);
  }

  async #seenBy(person: Person): Promise<Proof> {
    const seen: Proof = new Map();
    for (const { id, github_installation_id } of await this.#rowsOf(person)) {
      const answer = await this.#ask(person, `/${id}/imports`);
      const items = (await answer.json()) as {
        github_repository_id: number;
        github_repository_is_private: boolean;
      }[];
      const hidden = items.filter((item) => item.github_repository_is_private);
      seen.set(
        github_installation_id,
        new Set(hidden.map((item) => String(item.github_repository_id))),
      );
    }
    return seen;
  }

  async #rowsOf(person: Person): Promise<{ id: number; github_installation_id: string }[]> {
    return (await (await this.#ask(person, '')).json()) as {
      id: number;
      github_installation_id: string;
    }[];
  }

  async #ask({ userId }: Person, path: string, init: RequestInit = {}): Promise<Response> {
    const url = `${this.#url()}/api/users/${userId}/installations${path}`;
    return fetch(url, { ...init, headers: { cookie: await cookieOf(userId) } });
  }
}
