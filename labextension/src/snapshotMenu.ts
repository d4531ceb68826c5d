import { MenuSvg } from '@jupyterlab/ui-components';
import type { ReadonlyJSONObject } from '@lumino/coreutils';

import type { ISnapshot } from './models';
import type { IContext } from './tokens';
import { CommandIDs } from './tokens';

/** The commands on a snapshot, in groups. */
const GROUPS = [
  [CommandIDs.launch, CommandIDs.rollBack, CommandIDs.compareSnapshot],
  [
    CommandIDs.verifySnapshot,
    CommandIDs.verificationLog,
    CommandIDs.rebuildSnapshot,
    CommandIDs.recipe
  ],
  [
    CommandIDs.shareSnapshot,
    CommandIDs.unshareSnapshot,
    CommandIDs.pushSnapshot,
    CommandIDs.exportSnapshot
  ],
  [CommandIDs.squashSnapshot, CommandIDs.removeSnapshot]
];

/** Show what can be done with a snapshot, below something; where that had the focus it gets it back. */
export function openMenu(
  context: IContext,
  snapshot: ISnapshot,
  where: DOMRect
): void {
  const { commands, trans } = context;
  const menu = new MenuSvg({ commands });
  menu.title.label = trans.__('Actions on %1', snapshot.reference);
  menu.contentNode.setAttribute('aria-label', menu.title.label);
  for (const [index, group] of GROUPS.entries()) {
    if (index > 0) {
      menu.addItem({ type: 'separator' });
    }
    for (const command of group) {
      const args: ReadonlyJSONObject =
        command === CommandIDs.launch
          ? { image: snapshot.reference }
          : { id: snapshot.id };
      menu.addItem({ command, args });
    }
  }
  const before = document.activeElement;
  menu.aboutToClose.connect(() => {
    if (before instanceof HTMLElement) {
      before.focus();
    }
  });
  menu.open(where.left, where.bottom);
  menu.activateNextItem();
}
