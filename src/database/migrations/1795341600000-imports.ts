import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The social graph, imports into it, and lanes in the queue. */
export class Imports1795341600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
    CREATE TABLE "import" (
        "id" uuid NOT NULL,
        "user_id" uuid NOT NULL,
        "kind" text NOT NULL,
        "mode" text NOT NULL,
        "dry_run" boolean NOT NULL,
        "state" text NOT NULL,
        "file_name" text,
        "dialect" text NOT NULL,
        "encoding" text NOT NULL,
        "warnings" jsonb NOT NULL,
        "digest" bytea NOT NULL,
        "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
        "started_at" TIMESTAMP WITH TIME ZONE,
        "finished_at" TIMESTAMP WITH TIME ZONE,
        "undo_until" TIMESTAMP WITH TIME ZONE,
        CONSTRAINT "PK_4ed733f5bcc70cec27187bd90eb" PRIMARY KEY ("id")
    )
`);
    await runner.query(`
    CREATE INDEX "import_by_age" ON "import" ("created_at")
`);
    await runner.query(`
    CREATE INDEX "import_of_user" ON "import" ("user_id", "id")
`);
    await runner.query(`
    CREATE TABLE "import_change" (
        "import_id" uuid NOT NULL,
        "source_id" uuid NOT NULL,
        "kind" text NOT NULL,
        "target_id" uuid NOT NULL,
        "before" jsonb,
        "was_removed" boolean NOT NULL,
        "position" integer,
        CONSTRAINT "PK_f44e4b9740702c2813ba6d6708d" PRIMARY KEY ("import_id", "source_id", "kind", "target_id")
    )
`);
    await runner.query(`
    CREATE TABLE "import_row" (
        "import_id" uuid NOT NULL,
        "position" integer NOT NULL,
        "line" integer,
        "handle" text NOT NULL,
        "username" text,
        "host" text,
        "options" jsonb NOT NULL,
        "state" text NOT NULL,
        "reason" text,
        "account_id" uuid,
        "attempts" smallint NOT NULL DEFAULT '0',
        "waits" smallint NOT NULL DEFAULT '0',
        "retry_at" TIMESTAMP WITH TIME ZONE,
        "updated_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
        CONSTRAINT "PK_e40f1c60640756bf733f431ee49" PRIMARY KEY ("import_id", "position")
    )
`);
    await runner.query(`
    CREATE TABLE "relationship" (
        "source_id" uuid NOT NULL,
        "kind" text NOT NULL,
        "target_id" uuid NOT NULL,
        "state" text NOT NULL DEFAULT 'accepted',
        "reblogs" boolean NOT NULL DEFAULT true,
        "notify" boolean NOT NULL DEFAULT false,
        "languages" text array,
        "notifications" boolean NOT NULL DEFAULT true,
        "expires_at" TIMESTAMP WITH TIME ZONE,
        "revision" uuid NOT NULL,
        "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
        CONSTRAINT "PK_09049178a9d9dba1cf44da57cb7" PRIMARY KEY ("source_id", "kind", "target_id")
    )
`);
    await runner.query(`
    CREATE INDEX "relationship_of_target" ON "relationship" ("target_id", "kind", "source_id")
`);
    await runner.query(`
    CREATE INDEX "relationship_expiry" ON "relationship" ("expires_at")
    WHERE expires_at is not null
`);
    await runner.query(`
    CREATE TABLE "remote_account" (
        "id" uuid NOT NULL,
        "username" text NOT NULL,
        "host" text NOT NULL,
        "uri" text NOT NULL,
        "url" text,
        "resolved_at" TIMESTAMP WITH TIME ZONE NOT NULL,
        "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
        CONSTRAINT "PK_14606b42687a5e779428ce0e664" PRIMARY KEY ("id")
    )
`);
    await runner.query(`
    CREATE UNIQUE INDEX "remote_account_handle" ON "remote_account" ("host", "username")
`);
    await runner.query(`
    ALTER TABLE "user"
    ADD "locked" boolean NOT NULL DEFAULT false
`);
    await runner.query(`
    ALTER TABLE "user"
    ADD "bot" boolean NOT NULL DEFAULT false
`);
    await runner.query(`
    ALTER TABLE "user"
    ADD "discoverable" boolean NOT NULL DEFAULT true
`);
    await runner.query(`
    ALTER TABLE "user"
    ADD "settings_store" jsonb NOT NULL DEFAULT '{}'
`);
    await runner.query(`
    ALTER TABLE "job"
    ADD "lane" text
`);
    await runner.query(`
    ALTER TABLE "import"
    ADD CONSTRAINT "import_user" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE NO ACTION
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    // Indexes and constraints go with their tables.
    await runner.query(`ALTER TABLE "job" DROP COLUMN "lane"`);
    for (const column of ['settings_store', 'discoverable', 'bot', 'locked']) {
      await runner.query(`ALTER TABLE "user" DROP COLUMN "${column}"`);
    }
    for (const table of ['import_change', 'import_row', 'import', 'relationship', 'remote_account']) {
      await runner.query(`DROP TABLE "${table}"`);
    }
  }
}
