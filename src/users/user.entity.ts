import { Column, Entity, OneToMany, PrimaryColumn, type Relation } from 'typeorm';
import type { GithubAppInstallation } from '../installations/github-app-installation.entity.js';

/** A user of the web application. Other programs write this table too. */
@Entity('neptun_user')
export class User {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'neptun_user_pkey' })
  id!: string;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt!: Date;

  // Named by text: the two entities would import each other otherwise.
  @OneToMany('GithubAppInstallation', 'user')
  installations!: Relation<GithubAppInstallation>[];
}
