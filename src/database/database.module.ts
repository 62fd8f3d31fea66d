import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { dataSourceOptions } from './data-source-options.js';
import { migrate } from './migrate.js';
import { ShortReads } from './short-reads.js';

/** The connection to PostgreSQL, with its schema up to date. */
@Module({})
export class DatabaseModule {
  static at(url: string, entities: NonNullable<DataSourceOptions['entities']>): DynamicModule {
    const typeorm = TypeOrmModule.forRootAsync({
      useFactory: () => dataSourceOptions(url, entities),
      dataSourceFactory: async (options) => {
        if (!options) throw new Error('The data source has no options');
        const dataSource = await new DataSource(options).initialize();
        await migrate(dataSource);
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
