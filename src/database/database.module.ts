import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { dataSourceOptions } from './data-source-options.js';
import { poolOf } from './pool.js';
import { migrate } from './migrate.js';
import { ShortReads } from './short-reads.js';

/** Migrations may take longer than any statement of the app, and a second replica waits for them under the lock. */
async function migrateAlone(url: string): Promise<void> {
  const dataSource = await new DataSource(dataSourceOptions(url, [], 0)).initialize();
  try {
    await migrate(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

/** A connection that comes back while its statement still waits for an answer would hold up the next one behind it. */
function discardBusy(pool: pg.Pool): void {
  pool.on('release', (_error, client) => {
    if (
      'readyForQuery' in client &&
      client.readyForQuery === false &&
      'end' in client &&
      typeof client.end === 'function'
    )
      void client.end();
  });
}

/** The connection to PostgreSQL, with its schema up to date. */
@Module({})
export class DatabaseModule {
  /** @param queryLimitMs how long one statement may take, when that is not as long as a request waits */
  static at(url: string, entities: NonNullable<DataSourceOptions['entities']>, queryLimitMs?: number): DynamicModule {
    const typeorm = TypeOrmModule.forRootAsync({
      useFactory: () => dataSourceOptions(url, entities, queryLimitMs),
      dataSourceFactory: async (options) => {
        if (!options) throw new Error('The data source has no options');
        await migrateAlone(url);
        const dataSource = await new DataSource(options).initialize();
        discardBusy(poolOf(dataSource));
        return dataSource;
      },
    });
    return {
      module: DatabaseModule,
      global: true,
      imports: [typeorm],
      providers: [ShortReads],
      exports: [typeorm, ShortReads],
    };
  }
}
