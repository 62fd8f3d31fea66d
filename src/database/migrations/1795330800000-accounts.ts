import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Jobs, mails and their links, captchas, unfinished sign-ins, seen networks, backups; ways for an account to end. */
export class Accounts1795330800000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE "backup" (
          "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
          "user_id" uuid NOT NULL,
          "state" text NOT NULL DEFAULT 'pending',
          "processed_number" integer NOT NULL DEFAULT '0',
          "file" bytea,
          "file_size" integer NOT NULL DEFAULT '0',
          "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
          CONSTRAINT "PK_a36efb941271c1c6cbbbcbd057d" PRIMARY KEY ("id")
      )
    `);
    await runner.query(`
      CREATE INDEX "backup_by_age" ON "backup" ("created_at")
    `);
    await runner.query(`
      CREATE INDEX "backup_of_user" ON "backup" ("user_id", "id")
    `);
    await runner.query(`
      CREATE TABLE "captcha" (
          "hash" bytea NOT NULL,
          "data_hash" bytea NOT NULL,
          "answers" bytea array NOT NULL,
          "used_at" TIMESTAMP WITH TIME ZONE,
          "expires_at" TIMESTAMP WITH TIME ZONE NOT NULL,
          CONSTRAINT "PK_c63acf2b08b09533cc315b5df81" PRIMARY KEY ("hash")
      )
    `);
    await runner.query(`
      CREATE INDEX "captcha_by_expiry" ON "captcha" ("expires_at")
    `);
    await runner.query(`
      CREATE TABLE "job" (
          "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
          "kind" text NOT NULL,
          "key" text,
          "payload" jsonb NOT NULL DEFAULT '{}',
          "run_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
          "attempts" integer NOT NULL DEFAULT '0',
          "leased_until" TIMESTAMP WITH TIME ZONE,
          "failed_at" TIMESTAMP WITH TIME ZONE,
          "failure" text,
          "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
          CONSTRAINT "PK_98ab1c14ff8d1cf80d18703b92f" PRIMARY KEY ("id")
      )
    `);
    await runner.query(`
      CREATE UNIQUE INDEX "job_key" ON "job" ("kind", "key")
      WHERE key is not null
    `);
    await runner.query(`
      CREATE INDEX "job_due" ON "job" ("kind", "run_at", "id")
      WHERE failed_at is null
    `);
    await runner.query(`
      CREATE TABLE "mail_token" (
          "hash" bytea NOT NULL,
          "user_id" uuid NOT NULL,
          "purpose" text NOT NULL,
          "address" text,
          "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
          "expires_at" TIMESTAMP WITH TIME ZONE NOT NULL,
          CONSTRAINT "PK_6a627fa7fbfbfd127995bf3675b" PRIMARY KEY ("hash")
      )
    `);
    await runner.query(`
      CREATE INDEX "mail_token_by_expiry" ON "mail_token" ("expires_at")
    `);
    await runner.query(`
      CREATE INDEX "mail_token_of_address" ON "mail_token" ("address")
      WHERE purpose = 'undo_address'
    `);
    await runner.query(`
      CREATE INDEX "mail_token_of_user" ON "mail_token" ("user_id", "purpose")
    `);
    await runner.query(`
      CREATE TABLE "mail_outbox" (
          "id" uuid NOT NULL,
          "user_id" uuid,
          "recipient" text NOT NULL,
          "template" text NOT NULL,
          "facts" jsonb NOT NULL,
          "sealed_token" bytea,
          "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
          "sent_at" TIMESTAMP WITH TIME ZONE,
          "failed_at" TIMESTAMP WITH TIME ZONE,
          "failure" text,
          CONSTRAINT "PK_fecc63c96385bc35a39ccf2a72e" PRIMARY KEY ("id")
      )
    `);
    await runner.query(`
      CREATE INDEX "mail_outbox_by_age" ON "mail_outbox" ("created_at")
    `);
    await runner.query(`
      CREATE INDEX "mail_outbox_of_user" ON "mail_outbox" ("user_id")
    `);
    await runner.query(`
      CREATE TABLE "pending_sign_in" (
          "hash" bytea NOT NULL,
          "browser_hash" bytea NOT NULL,
          "step" text NOT NULL,
          "user_id" uuid NOT NULL,
          "credential_epoch" integer NOT NULL,
          "parameters" jsonb NOT NULL,
          "expires_at" TIMESTAMP WITH TIME ZONE NOT NULL,
          CONSTRAINT "PK_d33b9bf37e9988c4d559e5fd8d9" PRIMARY KEY ("hash")
      )
    `);
    await runner.query(`
      CREATE INDEX "pending_sign_in_by_expiry" ON "pending_sign_in" ("expires_at")
    `);
    await runner.query(`
      CREATE INDEX "pending_sign_in_of_user" ON "pending_sign_in" ("user_id")
    `);
    await runner.query(`
      CREATE TABLE "seen_network" (
          "user_id" uuid NOT NULL,
          "network" text NOT NULL,
          "seen_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
          CONSTRAINT "PK_d4ce335db44c69f24c6084091f8" PRIMARY KEY ("user_id", "network")
      )
    `);
    await runner.query(`
      CREATE INDEX "seen_network_by_age" ON "seen_network" ("seen_at")
    `);
    await runner.query(`
      ALTER TABLE "user"
      ADD "disabled_by_staff" boolean NOT NULL DEFAULT false
    `);
    // Until now only staff could.
    await runner.query(`UPDATE "user" SET "disabled_by_staff" = true WHERE "disabled_at" IS NOT NULL`);
    await runner.query(`
      ALTER TABLE "user"
      ADD "erased_at" TIMESTAMP WITH TIME ZONE
    `);
    await runner.query(`
      ALTER TABLE "user"
      ADD "credential_epoch" integer NOT NULL DEFAULT '0'
    `);
    await runner.query(`
      ALTER TABLE "backup"
      ADD CONSTRAINT "backup_user" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE NO ACTION
    `);
    await runner.query(`
      ALTER TABLE "mail_token"
      ADD CONSTRAINT "mail_token_user" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE NO ACTION
    `);
    await runner.query(`
      ALTER TABLE "pending_sign_in"
      ADD CONSTRAINT "pending_sign_in_user" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE NO ACTION
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    // Indexes and constraints go with their tables.
    await runner.query(`ALTER TABLE "user" DROP COLUMN "credential_epoch"`);
    await runner.query(`ALTER TABLE "user" DROP COLUMN "erased_at"`);
    await runner.query(`ALTER TABLE "user" DROP COLUMN "disabled_by_staff"`);
    await runner.query(`DROP TABLE "seen_network"`);
    await runner.query(`DROP TABLE "pending_sign_in"`);
    await runner.query(`DROP TABLE "mail_outbox"`);
    await runner.query(`DROP TABLE "mail_token"`);
    await runner.query(`DROP TABLE "job"`);
    await runner.query(`DROP TABLE "captcha"`);
    await runner.query(`DROP TABLE "backup"`);
  }
}
