import { askTag } from './dialogs/tag';
import type { IOperation } from './models';
import { importWords } from './operationText';
import { whileTelling } from './progress';
import { ApiError, sentence } from './request';
import { formatSize } from './text';
import type { IContext } from './tokens';

/** Have the user choose a snapshot that was exported, and send it to the server. */
export async function importSnapshot(context: IContext): Promise<void> {
  const { notices, trans } = context;
  const file = await chooseFile();
  if (!file) {
    return;
  }
  let operation: IOperation | null;
  try {
    operation = await sendUntilTaken(context, file);
  } catch (error) {
    const why = sentence(error);
    const text = trans.__('%1 was not imported: %2', file.name, why);
    notices.problem(new Error(text));
    return;
  }
  if (operation) {
    notices.follow(operation, importWords(trans, file.name), {
      next: { done: reference => [notices.launchAction(reference)] }
    });
  }
}

/** Send a file, again by another tag while there is a snapshot of that already; null where the user gives up. */
async function sendUntilTaken(
  context: IContext,
  file: File
): Promise<IOperation | null> {
  const { trans } = context;
  let tag: string | null = '';
  for (;;) {
    try {
      return await send(context, file, tag);
    } catch (error) {
      const reason = error instanceof ApiError ? error.reason : '';
      if (reason === 'cancelled') {
        return null;
      }
      if (reason !== 'tag_taken' && reason !== 'invalid_tag') {
        throw error;
      }
      const title = trans.__('Import %1', file.name);
      tag = await askTag(trans, title, tag, sentence(error));
      if (tag === null) {
        return null;
      }
    }
  }
}

/** Send a file, which may take minutes, and begin to make a snapshot of it. */
async function send(
  context: IContext,
  file: File,
  tag: string
): Promise<IOperation> {
  const { api, trans } = context;
  const sending = new AbortController();
  const doing = trans.__('Sending %1 (%2)…', file.name, formatSize(file.size));
  const work = api.snapshots.import(file, tag, sending.signal);
  try {
    return await whileTelling(doing, work, [
      {
        label: trans.__('Cancel'),
        callback: () => {
          sending.abort();
        }
      }
    ]);
  } catch (error) {
    throw sending.signal.aborted ? new ApiError(0, 'cancelled', doing) : error;
  }
}

function chooseFile(): Promise<File | null> {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = '.tar,.tar.gz,.tgz,application/x-tar';
  return new Promise(resolve => {
    input.onchange = () => {
      resolve(input.files?.[0] ?? null);
    };
    input.oncancel = () => {
      resolve(null);
    };
    input.click();
  });
}
