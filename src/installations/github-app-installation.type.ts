import { Field, ID, ObjectType, registerEnumType } from 'type-graphql';
import { DateTime } from '../date-time.js';

export enum GithubRepositorySelection {
  ALL = 'ALL',
  SELECTED = 'SELECTED',
}

registerEnumType(GithubRepositorySelection, {
  name: 'GithubRepositorySelection',
  description: 'Which repositories of its account an installation reaches.',
  valuesConfig: {
    ALL: { description: 'All, with those to come.' },
    SELECTED: { description: 'Those that were chosen.' },
  },
});

export enum GithubInstallationStatus {
  ACTIVE = 'ACTIVE',
  SUSPENDED = 'SUSPENDED',
  UNKNOWN = 'UNKNOWN',
}

registerEnumType(GithubInstallationStatus, {
  name: 'GithubInstallationStatus',
  description: 'Whether the App can act for an installation.',
  valuesConfig: {
    ACTIVE: { description: 'It can.' },
    SUSPENDED: { description: 'It cannot, until the installation is unsuspended at GitHub.' },
    UNKNOWN: { description: 'GitHub has said nothing of the installation.' },
  },
});

@ObjectType({ simpleResolvers: true, description: 'What the App may do in an installation.' })
export class GithubPermission {
  @Field(() => String, { description: 'As GitHub names it: `contents`.' })
  name!: string;

  @Field(() => String, { description: '`read`, `write` or `admin`.' })
  level!: string;
}

@ObjectType({
  // Read from the object at once: TypeGraphQL's own resolvers cost more than the rest of a field.
  simpleResolvers: true,
  description: 'A GitHub App installed in an account or organization, as linked to one user.',
})
export class GithubAppInstallation {
  @Field(() => ID, {
    description: 'Our own number of this link between a user and an installation.',
  })
  id!: number;

  @Field(() => ID, { description: 'The id of the user it belongs to.' })
  neptunUserId!: string;

  @Field(() => ID, {
    description: 'GitHub’s own id of the installation: digits, possibly beyond 2^31, hence text.',
  })
  githubInstallationId!: string;

  @Field(() => DateTime, { description: 'When it was linked.' })
  createdAt!: string;

  @Field(() => DateTime, { description: 'When it was last changed.' })
  updatedAt!: string;
}
