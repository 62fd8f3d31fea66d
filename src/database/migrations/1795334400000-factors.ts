import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Second factors: authenticator apps, backup codes, passkeys, and sign-ins that wait for them. */
export class Factors1795334400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE "backup_code" (
          "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
          "user_id" uuid NOT NULL,
          "salt" bytea NOT NULL,
          "hash" bytea NOT NULL,
          "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
          CONSTRAINT "PK_2499c38512f254ae0511ebb0df4" PRIMARY KEY ("id")
      )
    `);
    await runner.query(`
      CREATE INDEX "backup_code_of_user" ON "backup_code" ("user_id")
    `);
    await runner.query(`
      CREATE TABLE "mfa_challenge" (
          "hash" bytea NOT NULL,
          "user_id" uuid NOT NULL,
          "application_id" bigint NOT NULL,
          "scope" text NOT NULL,
          "credential_epoch" integer NOT NULL,
          "failed_attempts" integer NOT NULL DEFAULT '0',
          "expires_at" TIMESTAMP WITH TIME ZONE NOT NULL,
          CONSTRAINT "PK_63713008585cbbc8dde74853fc6" PRIMARY KEY ("hash")
      )
    `);
    await runner.query(`
      CREATE INDEX "mfa_challenge_by_expiry" ON "mfa_challenge" ("expires_at")
    `);
    await runner.query(`
      CREATE INDEX "mfa_challenge_of_user" ON "mfa_challenge" ("user_id")
    `);
    await runner.query(`
      CREATE TABLE "factor_recovery" (
          "user_id" uuid NOT NULL,
          "credential_epoch" integer NOT NULL,
          "requested_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
          "due_at" TIMESTAMP WITH TIME ZONE,
          CONSTRAINT "PK_b0f132fbc465a9fd766a903b2f6" PRIMARY KEY ("user_id")
      )
    `);
    await runner.query(`
      CREATE TABLE "passkey" (
          "id" uuid NOT NULL,
          "user_id" uuid NOT NULL,
          "credential_id" text NOT NULL,
          "public_key" bytea NOT NULL,
          "counter" bigint NOT NULL DEFAULT '0',
          "transports" text array NOT NULL DEFAULT '{}',
          "name" text NOT NULL,
          "is_backed_up" boolean NOT NULL DEFAULT false,
          "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
          "last_used_at" TIMESTAMP WITH TIME ZONE,
          CONSTRAINT "PK_783e2060d8025abd6a6ca45d2c7" PRIMARY KEY ("id")
      )
    `);
    await runner.query(`
      CREATE UNIQUE INDEX "passkey_credential" ON "passkey" ("credential_id")
    `);
    await runner.query(`
      CREATE INDEX "passkey_of_user" ON "passkey" ("user_id")
    `);
    await runner.query(`
      CREATE TABLE "totp_credential" (
          "user_id" uuid NOT NULL,
          "sealed_secret" bytea,
          "key_id" text NOT NULL,
          "enabled_at" TIMESTAMP WITH TIME ZONE,
          "last_step" bigint,
          "pending_sealed_secret" bytea,
          "pending_expires_at" TIMESTAMP WITH TIME ZONE,
          CONSTRAINT "PK_04a10ef8f905895b1f191bfa236" PRIMARY KEY ("user_id")
      )
    `);
    await runner.query(`
      CREATE TABLE "webauthn_challenge" (
          "hash" bytea NOT NULL,
          "expires_at" TIMESTAMP WITH TIME ZONE NOT NULL,
          CONSTRAINT "PK_6c752587e5e412c0963d888b67d" PRIMARY KEY ("hash")
      )
    `);
    await runner.query(`
      CREATE INDEX "webauthn_challenge_by_expiry" ON "webauthn_challenge" ("expires_at")
    `);
    await runner.query(`
      ALTER TABLE "pending_sign_in"
      ADD "attempts" integer NOT NULL DEFAULT '0'
    `);
    await runner.query(`
      ALTER TABLE "session"
      ADD "signed_in_at" TIMESTAMP WITH TIME ZONE
    `);
    await runner.query(`
      ALTER TABLE "mail_token"
      ADD "needs_factor" boolean NOT NULL DEFAULT false
    `);
    await runner.query(`
      ALTER TABLE "mfa_challenge"
      ADD CONSTRAINT "mfa_challenge_user" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE NO ACTION
    `);
    await runner.query(`
      ALTER TABLE "factor_recovery"
      ADD CONSTRAINT "factor_recovery_user" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE NO ACTION
    `);
    await runner.query(`
      ALTER TABLE "totp_credential"
      ADD CONSTRAINT "totp_credential_user" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE NO ACTION
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    // Indexes and constraints go with their tables.
    await runner.query(`ALTER TABLE "mail_token" DROP COLUMN "needs_factor"`);
    await runner.query(`ALTER TABLE "session" DROP COLUMN "signed_in_at"`);
    await runner.query(`ALTER TABLE "pending_sign_in" DROP COLUMN "attempts"`);
    await runner.query(`DROP TABLE "webauthn_challenge"`);
    await runner.query(`DROP TABLE "totp_credential"`);
    await runner.query(`DROP TABLE "passkey"`);
    await runner.query(`DROP TABLE "factor_recovery"`);
    await runner.query(`DROP TABLE "mfa_challenge"`);
    await runner.query(`DROP TABLE "backup_code"`);
  }
}
