import { askUntilTaken } from './ask';
import { confirmRemovalOf } from './dialogs/confirm';
import { showReproduction, showVerification } from './dialogs/proof';
import { askPush } from './dialogs/push';
import { askRollBack } from './dialogs/rollBack';
import type { IReproduction, IVerification } from './environmentModels';
import type { IOperation, ISnapshot } from './models';
import { keyOf } from './models';
import {
  pushWords,
  rebuildWords,
  rollBackWords,
  verifyWords
} from './operationText';
import { formatSize } from './text';
import type { IContext } from './tokens';

/** Ask where to push a snapshot, until the server begins or the user gives up. */
export async function push(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const { api, notices, trans } = context;
  const operation = await askUntilTaken(
    { repository: '', tag: '' },
    (values, problem) => askPush(trans, snapshot, values, problem),
    ({ repository, tag }) =>
      api.snapshots.push(snapshot, repository.trim(), tag.trim() || undefined)
  );
  if (operation) {
    notices.follow(operation, pushWords(trans, operation.target));
  }
}

/** Ask which workspace is to have the environment, until the server begins or the user gives up. */
export async function rollBack(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const { api, notices, store, trans } = context;
  const workspaces = [...store.workspaces.values()];
  const first =
    workspaces.find(workspace => workspace.name === snapshot.workspace) ??
    workspaces[0];
  if (!first) {
    notices.problem(
      new Error(trans.__('There is no workspace to roll back: launch one.'))
    );
    return;
  }
  const operation = await askUntilTaken(
    { workspace: keyOf(first) },
    (values, problem) =>
      askRollBack(trans, snapshot, workspaces, values, problem),
    async ({ workspace }) => {
      const chosen = workspaces.find(one => keyOf(one) === workspace) ?? first;
      return api.snapshots.rollBack(chosen, snapshot);
    }
  );
  if (operation) {
    const name = operation.target.slice(operation.target.indexOf('/') + 1);
    notices.follow(operation, rollBackWords(trans, name, snapshot.reference));
  }
}

export async function share(
  context: IContext,
  snapshot: ISnapshot,
  shared: boolean
): Promise<void> {
  const { api, notices, trans } = context;
  const { reference } = snapshot;
  await api.snapshots.share(snapshot, shared);
  notices.success(
    shared
      ? trans.__('Everybody on this server can launch from %1.', reference)
      : trans.__('%1 is yours alone again.', reference)
  );
}

/** Have the browser save what makes a snapshot again. */
export async function downloadRecipe(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const zip = await context.api.snapshots.recipe(snapshot);
  const address = URL.createObjectURL(zip);
  const link = document.createElement('a');
  link.href = address;
  link.download = `${snapshot.reference.replace(/[^\w.-]+/g, '-')}-recipe.zip`;
  link.click();
  URL.revokeObjectURL(address);
}

/** Make a snapshot again by its recipe, and show what differs. */
export async function rebuild(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const { api, notices, trans } = context;
  const { reference } = snapshot;
  const operation = await api.snapshots.begin(snapshot, 'rebuild');
  notices.follow(operation, rebuildWords(trans, reference), {
    then: ended => {
      if (isResult<IReproduction>(ended, 'reproducible')) {
        void showReproduction(trans, reference, ended.result);
      }
    }
  });
}

/** See whether a snapshot works, and show why where it does not. */
export async function verify(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const { api, notices, trans } = context;
  const { reference } = snapshot;
  const operation = await api.snapshots.begin(snapshot, 'verify');
  notices.follow(operation, verifyWords(trans, reference), {
    then: ended => {
      if (isResult<IVerification>(ended, 'verified')) {
        void showVerification(trans, reference, ended.result);
      }
    }
  });
}

export async function removeSnapshot(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const { api, trans } = context;
  const lost = [
    trans.__(
      'The environment that it keeps is lost, unless a registry has it.'
    ),
    snapshot.unique_size
      ? trans.__('It frees %1.', formatSize(snapshot.unique_size))
      : ''
  ];
  const text = lost.filter(Boolean).join(' ');
  if (await confirmRemovalOf(trans, snapshot.reference, text)) {
    await api.snapshots.remove(snapshot);
  }
}

function isResult<T>(
  operation: IOperation,
  field: keyof T & string
): operation is IOperation & { readonly result: T } {
  const { result } = operation;
  return typeof result === 'object' && result !== null && field in result;
}
