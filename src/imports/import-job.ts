import type { RunningJob } from '../jobs/job-kind.js';

/** The kind of the jobs that apply, preview or undo a list; the key of one is the import's id, its lane the person's. */
export const IMPORT_JOB = 'import';

/** What a job remembers between its turns. */
export interface ImportPayload {
  importId: string;
  userId: string;
  /** Rows up to here have been looked at; those that still wait are for a later look. */
  after: number;
  /** Rows of the next batch, where a larger one has failed. */
  size?: number;
}

/** One turn of an import. */
export type ImportJob = RunningJob<ImportPayload>;
