import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A webhook delivery that was applied, so that it is applied once; kept for `DELIVERY_DAYS`. */
@Entity('github_delivery')
@Index('github_delivery_received_idx', ['receivedAt'])
export class Delivery {
  /** The App that it was sent to: two Apps that hear of one event get the same GUID. */
  @PrimaryColumn('text', { name: 'target_id', primaryKeyConstraintName: 'github_delivery_pkey' })
  targetId!: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'github_delivery_pkey' })
  event!: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'github_delivery_pkey' })
  guid!: string;

  @Column('text', { nullable: true })
  action!: string | null;

  @Column({
    type: 'timestamptz',
    name: 'received_at',
    precision: 3,
    default: () => 'now()',
  })
  receivedAt!: Date;
}
