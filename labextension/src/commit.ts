import type { TranslationBundle } from '@jupyterlab/translation';

import { sentence } from './api';
import type { ICommitValues } from './dialogs';
import { askCommit, commitRequest } from './dialogs';
import type { ICommitRequest, IOperation } from './models';

/** Ask what to call a commit, until the server takes it or the user gives up (null). */
export async function askAndCommit(
  trans: TranslationBundle,
  title: string,
  send: (request: ICommitRequest) => Promise<IOperation>
): Promise<IOperation | null> {
  let values: ICommitValues = {};
  let problem = '';
  for (;;) {
    const entered = await askCommit(trans, title, values, problem);
    if (!entered) {
      return null;
    }
    try {
      return await send(commitRequest(entered));
    } catch (error) {
      values = entered;
      problem = sentence(error);
    }
  }
}
