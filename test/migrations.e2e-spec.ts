import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '../src/database/data-source-options.js';
import { migrate } from '../src/database/migrate.js';
import { ENTITIES } from '../src/entities.js';
import { createDatabase, type TestDatabase } from './support/database.js';

describe('migrations', () => {
  let database: TestDatabase;
  const opened: DataSource[] = [];

  async function connect(): Promise<DataSource> {
    const dataSource = await new DataSource(dataSourceOptions(database.url, ENTITIES)).initialize();
    opened.push(dataSource);
    return dataSource;
  }

  async function schemaOf(dataSource: DataSource): Promise<unknown> {
    const columns = await dataSource.query(
      `select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
       where table_schema = 'public' order by 1, 2`,
    );
    const indexes = await dataSource.query(`select indexdef from pg_indexes where schemaname = 'public' order by 1`);
    const constraints = await dataSource.query(
      `select conname, pg_get_constraintdef(oid) as definition from pg_constraint where connamespace = 'public'::regnamespace order by 1`,
    );
    return { columns, indexes, constraints };
  }

  beforeAll(async () => {
    database = await createDatabase('empty');
  });
  afterAll(async () => {
    await Promise.all(opened.map((dataSource) => dataSource.destroy()));
    await database.drop();
  });

  it('run once when three processes start at once', async () => {
    await Promise.all((await Promise.all([connect(), connect(), connect()])).map(migrate));
    const [dataSource] = opened;
    const rows = await dataSource!.query('select name from migrations');
    expect(rows).toHaveLength(dataSource!.migrations.length);
  });

  it('leave nothing for the entities to differ in', async () => {
    const { upQueries } = await opened[0]!.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('go down to nothing and up to the same', async () => {
    const dataSource = opened[0]!;
    const before = await schemaOf(dataSource);
    for (const _ of dataSource.migrations) await dataSource.undoLastMigration();
    const left = await dataSource.query(
      `select table_name from information_schema.tables where table_schema = 'public'`,
    );
    expect(left).toEqual([{ table_name: 'migrations' }]);
    await migrate(dataSource);
    expect(await schemaOf(dataSource)).toEqual(before);
  });
});
