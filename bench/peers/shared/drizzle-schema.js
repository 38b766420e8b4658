import { relations } from 'drizzle-orm';
import { bigint, integer, pgTable, text, timestamp } from 'drizzle-orm/pg-core';

const time = (name) => timestamp(name, { withTimezone: true, precision: 3 }).notNull().defaultNow();

export const users = pgTable('neptun_user', {
  id: text().primaryKey(),
  created_at: time('created_at'),
  updated_at: time('updated_at'),
});

export const installations = pgTable('github_app_installation', {
  id: integer().primaryKey().generatedByDefaultAsIdentity(),
  neptun_user_id: text()
    .notNull()
    .references(() => users.id, { onDelete: 'cascade' }),
  github_installation_id: bigint({ mode: 'bigint' }).notNull(),
  created_at: time('created_at'),
  updated_at: time('updated_at'),
});

export const userRelations = relations(users, ({ many }) => ({
  installations: many(installations),
}));

export const installationRelations = relations(installations, ({ one }) => ({
  user: one(users, { fields: [installations.neptun_user_id], references: [users.id] }),
}));
