import { Field, ID, ObjectType } from 'type-graphql';
import { DateTime } from '../date-time.js';

/** The GraphQL view of a user; features add the fields of their own. */
@ObjectType({ description: 'A user of the web application.' })
export class User {
  @Field(() => ID, { description: 'The id in the session, and in the path of the REST route.' })
  id!: string;

  @Field(() => DateTime, { description: 'When the user was created.' })
  createdAt!: string;

  @Field(() => DateTime, { description: 'When the user was last changed.' })
  updatedAt!: string;
}
