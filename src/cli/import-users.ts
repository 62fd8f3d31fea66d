import type { INestApplicationContext } from '@nestjs/common';
import { type ImportVerdict, NameRegister } from '../users/name-register.js';
import { UserImportService } from '../users/user-import.service.js';
import { checkPeopleFile, type PersonRow, readPeople } from './people-file.js';
import { RefusalsReport } from './refusals-report.js';
import { say, warn } from './terminal.js';

/** How an import is run. */
export interface ImportOptions {
  dryRun?: true;
  report?: string;
}

/** Rows of one transaction: what a broken off import repeats at most. */
const BATCH = 500;

/**
 * Reads the file through and opens the report before anything is changed; answers the import itself.
 * @throws Mistake
 */
export async function prepareImport(
  file: string,
  { dryRun, report }: ImportOptions,
): Promise<(house: INestApplicationContext) => Promise<void>> {
  await checkPeopleFile(file);
  const refusals = await RefusalsReport.open(report, file);
  return async (house) => {
    try {
      const refused = await importUsers(house.get(UserImportService), file, dryRun === true, refusals);
      if (refused > 0) process.exitCode = 1;
    } finally {
      await refusals.close();
    }
  };
}

async function importUsers(
  imports: UserImportService,
  file: string,
  isDryRun: boolean,
  refusals: RefusalsReport,
): Promise<number> {
  const register = new NameRegister();
  const counts = { imported: 0, 'already here': 0, refused: 0 };
  for await (const rows of inBatches(readPeople(file))) {
    const people = rows.flatMap(({ person }) => person ?? []);
    const verdicts = isDryRun ? await imports.tryAll(people, register) : await imports.importAll(people);
    for (const row of rows) {
      const { outcome, reason } = verdictOf(row, verdicts);
      counts[outcome]++;
      if (outcome === 'refused') await refusals.add(row, reason ?? '');
      else if (reason !== null) warn(`Look at ${row.person?.username}: ${outcome}, ${reason}`);
    }
  }
  if (isDryRun) say('Dry run: nothing was changed. A real one would say:');
  say(`imported ${counts.imported}, already here ${counts['already here']}, refused ${counts.refused}`);
  return counts.refused;
}

/** Verdicts are for rows with a person, in their order. */
function verdictOf({ person, problem }: PersonRow, verdicts: ImportVerdict[]): ImportVerdict {
  const verdict = person === null ? undefined : verdicts.shift();
  return verdict ?? { outcome: 'refused', reason: problem };
}

async function* inBatches(rows: AsyncIterable<PersonRow>): AsyncGenerator<PersonRow[]> {
  let batch: PersonRow[] = [];
  for await (const row of rows) {
    batch.push(row);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}
