// By the book: Apollo's standalone server, TypeGraphQL, TypeORM repositories, the seal opened by h3.
import 'reflect-metadata';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { GraphQLError } from 'graphql';
import {
  Arg,
  Authorized,
  buildSchema,
  Ctx,
  Field,
  FieldResolver,
  ID,
  Int,
  ObjectType,
  Query,
  Resolver,
  Root,
  registerEnumType,
} from 'type-graphql';
import {
  Column,
  CreateDateColumn,
  DataSource,
  Entity,
  JoinColumn,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  type Relation,
  UpdateDateColumn,
} from 'typeorm';
import { openSession } from './shared/session.js';

@ObjectType()
@Entity('neptun_user')
class User {
  @Field(() => ID)
  @PrimaryColumn('text')
  id!: string;

  @Field()
  @CreateDateColumn({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Field()
  @UpdateDateColumn({ name: 'updated_at', type: 'timestamptz', precision: 3 })
  updatedAt!: Date;

  @OneToMany(
    () => GithubAppInstallation,
    (installation) => installation.user,
  )
  installations!: Relation<GithubAppInstallation>[];
}

enum GithubAccountType {
  USER = 'User',
  ORGANIZATION = 'Organization',
  ENTERPRISE = 'Enterprise',
}
registerEnumType(GithubAccountType, { name: 'GithubAccountType' });

@ObjectType()
class GithubAccount {
  @Field(() => ID, { nullable: true })
  @Column('bigint', { name: 'github_account_id', nullable: true })
  githubAccountId!: string | null;

  @Field(() => String, { nullable: true })
  @Column('text', { name: 'github_account_name', nullable: true })
  login!: string | null;

  @Field(() => GithubAccountType, { nullable: true })
  @Column('text', { name: 'github_account_type', nullable: true })
  type!: GithubAccountType | null;

  @Field(() => String, { nullable: true })
  @Column('text', { name: 'github_account_avatar_url', nullable: true })
  avatarUrl!: string | null;
}

@ObjectType()
@Entity('github_fact_repository')
class GithubRepository {
  @Field(() => ID, { name: 'githubRepositoryId' })
  @PrimaryColumn('bigint')
  id!: string;

  @Column('bigint', { name: 'installation_id' })
  installationId!: string;

  @Field(() => String)
  @Column('text')
  name!: string;

  @Column('boolean', { name: 'is_private' })
  isPrivate!: boolean;

  @Field(() => Boolean, { nullable: true })
  @Column('boolean', { name: 'is_fork', nullable: true })
  isFork!: boolean | null;

  @Field(() => String, { nullable: true })
  @Column('text', { nullable: true })
  language!: string | null;

  @Field(() => Date, { nullable: true })
  @Column('timestamptz', { name: 'pushed_at', nullable: true })
  pushedAt!: Date | null;
}

@ObjectType()
class GithubRepositoryConnection {
  @Field(() => [GithubRepository])
  nodes!: GithubRepository[];
}

@ObjectType()
@Entity('github_app_installation')
class GithubAppInstallation {
  @Field(() => ID)
  @PrimaryGeneratedColumn('identity')
  id!: number;

  @Field(() => ID)
  @Column('text', { name: 'neptun_user_id' })
  neptunUserId!: string;

  @ManyToOne(
    () => User,
    (user) => user.installations,
    { onDelete: 'CASCADE' },
  )
  @JoinColumn({ name: 'neptun_user_id' })
  user!: Relation<User>;

  @Field(() => ID)
  @Column('bigint', { name: 'github_installation_id' })
  githubInstallationId!: string;

  @Field()
  @CreateDateColumn({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Field()
  @UpdateDateColumn({ name: 'updated_at', type: 'timestamptz', precision: 3 })
  updatedAt!: Date;

  @Field(() => GithubAccount, { nullable: true })
  @Column(() => GithubAccount, { prefix: false })
  account!: GithubAccount | null;
}

interface Context {
  viewerId?: string;
}

const dataSource = await new DataSource({
  type: 'postgres',
  url: process.env.DATABASE_URL,
  entities: [User, GithubAppInstallation, GithubRepository],
}).initialize();
const users = dataSource.getRepository(User);
const installations = dataSource.getRepository(GithubAppInstallation);
const repositories = dataSource.getRepository(GithubRepository);

@Resolver(() => User)
class UserResolver {
  @Authorized()
  @Query(() => User, { nullable: true })
  async user(@Arg('id', () => ID) id: string, @Ctx() { viewerId }: Context): Promise<User> {
    const user = viewerId === id ? await users.findOneBy({ id }) : null;
    if (!user) throw new GraphQLError('User not found', { extensions: { code: 'NOT_FOUND' } });
    return user;
  }

  @FieldResolver(() => [GithubAppInstallation])
  installations(
    @Root() user: User,
    @Arg('accountLogin', () => String, { nullable: true }) login?: string,
    @Arg('accountType', () => GithubAccountType, { nullable: true }) type?: GithubAccountType,
  ): Promise<GithubAppInstallation[]> {
    const account = { ...(login && { login }), ...(type && { type }) };
    return installations.find({
      where: { neptunUserId: user.id, account },
      order: { id: 'ASC' },
    });
  }
}

@Resolver(() => GithubAppInstallation)
class InstallationResolver {
  @FieldResolver(() => GithubRepositoryConnection)
  async repositories(
    @Root() { githubInstallationId }: GithubAppInstallation,
    @Arg('first', () => Int) first: number,
  ): Promise<GithubRepositoryConnection> {
    const nodes = await repositories.find({
      where: { installationId: githubInstallationId, isPrivate: false },
      order: { name: 'ASC', id: 'ASC' },
      take: first,
    });
    return { nodes };
  }
}

const schema = await buildSchema({
  resolvers: [UserResolver, InstallationResolver],
  authChecker: ({ context }: { context: Context }) => context.viewerId !== undefined,
});

await startStandaloneServer(new ApolloServer<Context>({ schema }), {
  context: async ({ req }) => ({ viewerId: await openSession(req.headers.cookie) }),
  listen: { port: Number(process.env.PORT), host: '127.0.0.1' },
});
