import { Field, ID, ObjectType, registerEnumType } from 'type-graphql';
import { DateTime } from '../date-time.js';
import { GithubAccount } from '../installations/github-account.type.js';

export enum InstallationEvidenceKind {
  PERSONAL_ACCOUNT = 'PERSONAL_ACCOUNT',
  OWN_PROOF = 'OWN_PROOF',
  SIGNED_SENDER = 'SIGNED_SENDER',
  MEMBERSHIP = 'MEMBERSHIP',
}

registerEnumType(InstallationEvidenceKind, {
  name: 'InstallationEvidenceKind',
  description: 'Why a user may see an installation.',
  valuesConfig: {
    PERSONAL_ACCOUNT: { description: 'It is in the user’s own account at GitHub.' },
    OWN_PROOF: { description: 'GitHub has listed it to the user, who has connected.' },
    SIGNED_SENDER: { description: 'The user has installed it, or has asked for it.' },
    MEMBERSHIP: { description: 'The user is a member of its organization.' },
  },
});

@ObjectType({ simpleResolvers: true, description: 'Why the user may see an installation.' })
export class InstallationEvidence {
  @Field(() => InstallationEvidenceKind, { description: 'What kind of evidence it is.' })
  kind!: InstallationEvidenceKind;

  @Field(() => DateTime, { description: 'When it was there.' })
  provedAt!: string;

  @Field(() => DateTime, {
    nullable: true,
    description: 'When it ends; null: until GitHub says otherwise.',
  })
  expiresAt!: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'The account of a user at GitHub.' })
export class GithubUser {
  @Field(() => ID, { description: 'GitHub’s own id of the account.' })
  id!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Its name, as last seen; null where only its id is known.',
  })
  login!: string | null;
}

@ObjectType({
  simpleResolvers: true,
  description:
    'The user has asked the owners of an account to install the App; they have not answered.',
})
export class GithubInstallationRequest {
  @Field(() => GithubAccount, { description: 'The account whose owners are asked.' })
  account!: GithubAccount;

  @Field(() => DateTime, { description: 'When the user has asked.' })
  requestedAt!: string;
}
