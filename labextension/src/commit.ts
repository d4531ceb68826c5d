import type { TranslationBundle } from '@jupyterlab/translation';

import { askUntilTaken } from './ask';
import type { LoadChanges } from './dialogs/commit';
import { askCommit, commitRequest } from './dialogs/commit';
import type { ICommitRequest, IOperation } from './models';

/** Ask what to call a commit and what to keep, until the server takes it or the user gives up (null). */
export function askAndCommit(
  trans: TranslationBundle,
  title: string,
  load: LoadChanges | null,
  send: (request: ICommitRequest) => Promise<IOperation>
): Promise<IOperation | null> {
  return askUntilTaken(
    {},
    (values, problem) => askCommit(trans, title, load, values, problem),
    values => send(commitRequest(values))
  );
}
