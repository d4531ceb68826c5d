import { Notification } from '@jupyterlab/apputils';

import type { IOperation, ISnapshot } from './models';
import { importWords } from './operationText';
import { Progress } from './progress';
import { sentence } from './request';
import { formatSize } from './text';
import type { IContext } from './tokens';

const TICK = 1000;

/** What the user may choose from: image archives as `docker save` writes them, compressed or not. */
const ARCHIVES = '.tar,.tar.gz,.tgz,application/x-tar';

/** Have the browser save what makes a snapshot again; the server reads images for it, which takes a while. */
export async function downloadRecipe(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const { api, trans } = context;
  const { reference } = snapshot;
  const zip = await whileTelling(
    trans.__('Writing the recipe of %1…', reference),
    [],
    api.snapshots.recipe(snapshot)
  );
  const address = URL.createObjectURL(zip);
  download(address, `${fileName(reference)}-recipe.zip`);
  URL.revokeObjectURL(address);
}

/** Have the browser save a snapshot for a machine that shares no registry with this one. */
export function exportSnapshot(context: IContext, snapshot: ISnapshot): void {
  const { api, notices, trans } = context;
  const { reference } = snapshot;
  // Gigabytes: the browser takes them to the disk by itself.
  const name = `${fileName(reference)}.tar`;
  download(api.snapshots.exportAddress(snapshot), name);
  notices.success(
    trans.__('%1 is exported: the browser saves %2.', reference, name)
  );
}

/** Have the user choose an exported snapshot, and send it to the server. */
export async function importSnapshot(context: IContext): Promise<void> {
  const { api, notices, trans } = context;
  const file = await chooseFile();
  if (!file) {
    return;
  }
  const sending = new AbortController();
  const cancel: Notification.IAction = {
    label: trans.__('Cancel'),
    callback: () => {
      sending.abort();
    }
  };
  let operation: IOperation;
  try {
    operation = await whileTelling(
      trans.__('Sending %1 (%2)…', file.name, formatSize(file.size)),
      [cancel],
      api.snapshots.import(file, sending.signal)
    );
  } catch (error) {
    if (!sending.signal.aborted) {
      notices.problem(
        new Error(
          trans.__('%1 was not imported: %2', file.name, sentence(error))
        )
      );
    }
    return;
  }
  notices.follow(operation, importWords(trans, file.name), {
    next: { done: reference => [notices.launchAction(reference)] }
  });
}

/** Tell that work goes on for as long as it does. */
async function whileTelling<T>(
  doing: string,
  actions: Notification.IAction[],
  work: Promise<T>
): Promise<T> {
  const progress = new Progress(doing, actions);
  const timer = window.setInterval(() => {
    progress.tick(`${doing} ${progress.elapsed}`);
  }, TICK);
  try {
    return await work;
  } finally {
    window.clearInterval(timer);
    progress.dismiss();
  }
}

function chooseFile(): Promise<File | null> {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = ARCHIVES;
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

function download(address: string, name: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
}

function fileName(reference: string): string {
  return reference.replace(/[^\w.-]+/g, '-');
}
