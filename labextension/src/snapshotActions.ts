import { askUntilTaken } from './ask';
import { confirmRemovalOf } from './dialogs/confirm';
import { askPush } from './dialogs/push';
import { askRollBack } from './dialogs/rollBack';
import type { ISnapshot } from './models';
import { keyOf } from './models';
import { pushWords, rollBackWords, squashWords } from './operationText';
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

/** Make one layer of all that a snapshot has over its base. */
export async function squash(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const { api, notices, trans } = context;
  const operation = await api.snapshots.begin(snapshot, 'squash');
  notices.follow(operation, squashWords(trans, snapshot.reference));
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
