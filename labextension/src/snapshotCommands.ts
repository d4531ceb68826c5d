import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICommandPalette } from '@jupyterlab/apputils';

import { showComparison } from './compare';
import type { ISnapshot } from './models';
import {
  push,
  removeSnapshot,
  rollBack,
  share,
  squash
} from './snapshotActions';
import { downloadRecipe, exportSnapshot } from './snapshotFiles';
import { importSnapshot } from './snapshotImport';
import { rebuild, showVerificationLog, verify } from './snapshotProof';
import { addSubjectCommand } from './subject';
import type { IContext } from './tokens';
import { CommandIDs } from './tokens';

/** Add the commands on snapshots; they take `{id}`, and ask which one without. */
export function addSnapshotCommands(
  app: JupyterFrontEnd,
  context: IContext,
  palette: ICommandPalette | null
): void {
  const { api, commands, store, trans } = context;
  let me: string | undefined;
  api.info().then(
    info => {
      me = info.user.name;
    },
    (error: unknown) => {
      // Then the server refuses what is another's.
      console.debug('Who the user is cannot be read', error);
    }
  );

  const all = (): ISnapshot[] => [...store.snapshots.values()];
  const own = (): ISnapshot[] =>
    all().filter(({ owner }) => me === undefined || owner === me);

  const add = (
    id: string,
    label: string,
    ok: string,
    list: () => ISnapshot[],
    act: (snapshot: ISnapshot) => Promise<void> | void
  ): void => {
    addSubjectCommand<ISnapshot>(context, palette, {
      id,
      label,
      ok,
      argument: 'id',
      list,
      key: snapshot => snapshot.id,
      name: snapshot => snapshot.reference,
      act
    });
  };

  add(
    CommandIDs.compareSnapshot,
    trans.__('Compare Workspace Snapshot'),
    trans.__('Compare'),
    all,
    snapshot => {
      showComparison(app.shell, context, snapshot);
    }
  );
  add(
    CommandIDs.rollBack,
    trans.__('Roll Back Workspace to Snapshot'),
    trans.__('Roll Back a Workspace to It…'),
    all,
    snapshot => rollBack(context, snapshot)
  );
  add(
    CommandIDs.verifySnapshot,
    trans.__('Verify Workspace Snapshot'),
    trans.__('Verify'),
    own,
    snapshot => verify(context, snapshot)
  );
  add(
    CommandIDs.verificationLog,
    trans.__('Show Verification Log of Workspace Snapshot'),
    trans.__('View Log'),
    () => own().filter(({ verified }) => typeof verified === 'boolean'),
    snapshot => showVerificationLog(context, snapshot)
  );
  add(
    CommandIDs.rebuildSnapshot,
    trans.__('Rebuild Workspace Snapshot'),
    trans.__('Rebuild'),
    own,
    snapshot => rebuild(context, snapshot)
  );
  add(
    CommandIDs.recipe,
    trans.__('Download Recipe of Workspace Snapshot'),
    trans.__('Download Recipe'),
    all,
    snapshot => downloadRecipe(context, snapshot)
  );
  add(
    CommandIDs.shareSnapshot,
    trans.__('Share Workspace Snapshot'),
    trans.__('Share'),
    () => own().filter(snapshot => !snapshot.shared),
    snapshot => share(context, snapshot, true)
  );
  add(
    CommandIDs.unshareSnapshot,
    trans.__('Stop Sharing Workspace Snapshot'),
    trans.__('Stop Sharing'),
    () => own().filter(snapshot => snapshot.shared),
    snapshot => share(context, snapshot, false)
  );
  add(
    CommandIDs.pushSnapshot,
    trans.__('Push Workspace Snapshot'),
    trans.__('Push…'),
    own,
    snapshot => push(context, snapshot)
  );
  add(
    CommandIDs.exportSnapshot,
    trans.__('Export Workspace Snapshot'),
    trans.__('Export'),
    own,
    snapshot => {
      exportSnapshot(context, snapshot);
    }
  );
  add(
    CommandIDs.squashSnapshot,
    trans.__('Squash Workspace Snapshot'),
    trans.__('Squash'),
    own,
    snapshot => squash(context, snapshot)
  );
  add(
    CommandIDs.removeSnapshot,
    trans.__('Remove Workspace Snapshot'),
    trans.__('Remove…'),
    own,
    snapshot => removeSnapshot(context, snapshot)
  );

  commands.addCommand(CommandIDs.importSnapshot, {
    label: trans.__('Import Workspace Snapshot…'),
    execute: () => importSnapshot(context)
  });
  palette?.addItem({
    command: CommandIDs.importSnapshot,
    category: trans.__('Workspaces')
  });
}
