import { Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { ErrorFilter } from './error.filter.js';
import { RouteTable } from './route-table.js';
import { fieldsPipe } from './validation.pipe.js';

/** What holds for every route: how parameters are checked, how errors are rendered, which routes there are. */
@Global()
@Module({
  providers: [
    RouteTable,
    { provide: APP_FILTER, useClass: ErrorFilter },
    { provide: APP_PIPE, useValue: fieldsPipe() },
  ],
  exports: [RouteTable],
})
export class CommonModule {}
