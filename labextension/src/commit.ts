import type { TranslationBundle } from '@jupyterlab/translation';

import { askUntilTaken } from './ask';
import { askCommit, commitRequest } from './dialogs/commit';
import type { IChanges, ISecret } from './environmentModels';
import type { ICommitRequest, IOperation } from './models';
import { whileTelling } from './progress';
import { ApiError } from './request';

/** What can be asked of a workspace that is to be committed. */
export interface ICommittable {
  /** What a commit would keep; null where the server cannot say. */
  readonly changes: () => Promise<IChanges | null>;
  readonly commit: (request: ICommitRequest) => Promise<IOperation>;
}

/** Ask what to call a commit and what to keep, until the server takes it or the user gives up (null). */
export function askAndCommit(
  trans: TranslationBundle,
  title: string,
  workspace: ICommittable
): Promise<IOperation | null> {
  let looked: Promise<IChanges | null> | null = null;
  let secrets: readonly ISecret[] = [];

  // Once for all rounds, but for a look that failed.
  const load = (): Promise<IChanges | null> => {
    looked ??= workspace.changes().catch((error: unknown) => {
      looked = null;
      throw error;
    });
    return looked;
  };

  return askUntilTaken(
    {},
    (values, problem) =>
      askCommit(trans, title, { load, secrets }, values, problem),
    async values => {
      try {
        // The server looks for secrets before it answers.
        return await whileTelling(
          trans.__('Looking at what is kept…'),
          workspace.commit(commitRequest(values))
        );
      } catch (error) {
        if (error instanceof ApiError && error.reason === 'secrets_found') {
          // There may be more by now than when it was looked.
          secrets = [...secrets, ...secretsIn(error.body)];
          looked = null;
        }
        throw error;
      }
    }
  );
}

function secretsIn(body: Readonly<Record<string, unknown>>): ISecret[] {
  return Array.isArray(body.secrets) ? (body.secrets as ISecret[]) : [];
}
