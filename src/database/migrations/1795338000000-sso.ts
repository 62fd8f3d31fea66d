import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Single sign-on: identities at providers, visits there, and what began by them. */
export class Sso1795338000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
    CREATE TABLE "linked_identity" (
        "id" uuid NOT NULL,
        "user_id" uuid NOT NULL,
        "issuer" text NOT NULL,
        "subject" text NOT NULL,
        "granted_role" text,
        "own_role" text,
        "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
        "last_used_at" TIMESTAMP WITH TIME ZONE,
        CONSTRAINT "PK_203b51fdae6d00fd0a59c635d78" PRIMARY KEY ("id")
    )
`);
    await runner.query(`
    CREATE UNIQUE INDEX "linked_identity_of_user" ON "linked_identity" ("user_id", "issuer")
`);
    await runner.query(`
    CREATE UNIQUE INDEX "linked_identity_subject" ON "linked_identity" ("issuer", "subject")
`);
    await runner.query(`
    CREATE TABLE "sso_flow" (
        "state_hash" bytea NOT NULL,
        "id" text NOT NULL,
        "kind" text NOT NULL,
        "provider" text NOT NULL,
        "browser_hash" bytea NOT NULL,
        "parameters" jsonb,
        "user_id" uuid,
        "credential_epoch" integer,
        "session_id" bigint,
        "ticket_hash" bytea,
        "expires_at" TIMESTAMP WITH TIME ZONE NOT NULL,
        "used_at" TIMESTAMP WITH TIME ZONE,
        CONSTRAINT "PK_c56c4e737b25179635243bf0714" PRIMARY KEY ("state_hash")
    )
`);
    await runner.query(`
    CREATE INDEX "sso_flow_by_expiry" ON "sso_flow" ("expires_at")
`);
    await runner.query(`
    CREATE INDEX "sso_flow_of_user" ON "sso_flow" ("user_id")
`);
    await runner.query(`
    CREATE TABLE "sso_link_ticket" (
        "hash" bytea NOT NULL,
        "user_id" uuid NOT NULL,
        "credential_epoch" integer NOT NULL,
        "provider" text NOT NULL,
        "expires_at" TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT "PK_475476939a5e3b37f8c8ae5bf95" PRIMARY KEY ("hash")
    )
`);
    await runner.query(`
    CREATE INDEX "sso_link_ticket_by_expiry" ON "sso_link_ticket" ("expires_at")
`);
    await runner.query(`
    CREATE INDEX "sso_link_ticket_of_user" ON "sso_link_ticket" ("user_id")
`);
    await runner.query(`
    CREATE TABLE "sso_registration" (
        "hash" bytea NOT NULL,
        "flow_id" text NOT NULL,
        "browser_hash" bytea NOT NULL,
        "provider" text NOT NULL,
        "person" jsonb NOT NULL,
        "parameters" jsonb NOT NULL,
        "expires_at" TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT "PK_29710e0748976c20d1fed873970" PRIMARY KEY ("hash")
    )
`);
    await runner.query(`
    CREATE INDEX "sso_registration_by_expiry" ON "sso_registration" ("expires_at")
`);
    await runner.query(`
    CREATE TABLE "sso_session" (
        "id" uuid NOT NULL,
        "identity_id" uuid NOT NULL,
        "provider_session_id" text,
        "vouched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
        "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
        CONSTRAINT "PK_71c4c73a54d6c54c7857ee6b3d0" PRIMARY KEY ("id")
    )
`);
    await runner.query(`
    CREATE INDEX "sso_session_at_provider" ON "sso_session" ("provider_session_id")
    WHERE provider_session_id is not null
`);
    await runner.query(`
    CREATE INDEX "sso_session_of_identity" ON "sso_session" ("identity_id")
`);
    await runner.query(`
    ALTER TABLE "browser_session"
    ADD "sso_session_id" uuid
`);
    await runner.query(`
    ALTER TABLE "pending_sign_in"
    ADD "sso_session_id" uuid
`);
    await runner.query(`
    ALTER TABLE "session"
    ADD "sso_session_id" uuid
`);
    await runner.query(`
    CREATE INDEX "browser_session_of_sso_session" ON "browser_session" ("sso_session_id")
    WHERE sso_session_id is not null
`);
    await runner.query(`
    CREATE INDEX "session_of_sso_session" ON "session" ("sso_session_id")
    WHERE sso_session_id is not null
`);
    await runner.query(`
    ALTER TABLE "linked_identity"
    ADD CONSTRAINT "linked_identity_user" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE NO ACTION
`);
    await runner.query(`
    ALTER TABLE "sso_flow"
    ADD CONSTRAINT "sso_flow_user" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE NO ACTION
`);
    await runner.query(`
    ALTER TABLE "sso_link_ticket"
    ADD CONSTRAINT "sso_link_ticket_user" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE NO ACTION
`);
    await runner.query(`
    ALTER TABLE "sso_session"
    ADD CONSTRAINT "sso_session_identity" FOREIGN KEY ("identity_id") REFERENCES "linked_identity"("id") ON DELETE CASCADE ON UPDATE NO ACTION
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    // Indexes and constraints go with their tables and columns.
    await runner.query(`ALTER TABLE "session" DROP COLUMN "sso_session_id"`);
    await runner.query(`ALTER TABLE "pending_sign_in" DROP COLUMN "sso_session_id"`);
    await runner.query(`ALTER TABLE "browser_session" DROP COLUMN "sso_session_id"`);
    await runner.query(`DROP TABLE "sso_session"`);
    await runner.query(`DROP TABLE "sso_registration"`);
    await runner.query(`DROP TABLE "sso_link_ticket"`);
    await runner.query(`DROP TABLE "sso_flow"`);
    await runner.query(`DROP TABLE "linked_identity"`);
  }
}
