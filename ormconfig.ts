import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from './src/database/data-source-options.js';
import { ENTITIES } from './src/entities.js';

/** The data source of the TypeORM command line; `DATABASE_URL` names the database. */
export default new DataSource(
  dataSourceOptions(process.env['DATABASE_URL'] ?? 'postgresql://localhost/gatehouse', ENTITIES, 0),
);
