import type { ILauncher } from '@jupyterlab/launcher';
import type { IDisposable } from '@lumino/disposable';

import { keyOf } from './models';
import type { IContext } from './tokens';
import { CommandIDs } from './tokens';

/** Keep a launcher section with a tile to launch, and one for each workspace that runs. */
export function addTiles(launcher: ILauncher, context: IContext): void {
  const { store, trans } = context;
  const category = trans.__('Workspaces');
  const tiles = new Map<string, IDisposable>();

  launcher.add({
    command: CommandIDs.launch,
    category,
    categoryRank: 10,
    rank: 0
  });

  const update = (): void => {
    const running = [...store.workspaces.values()].filter(
      workspace => workspace.state === 'running'
    );
    const keys = new Set(running.map(keyOf));
    for (const [key, tile] of tiles) {
      if (!keys.has(key)) {
        tiles.delete(key);
        tile.dispose();
      }
    }
    for (const workspace of running) {
      const key = keyOf(workspace);
      if (!tiles.has(key)) {
        const { owner, name } = workspace;
        const args = { owner, name };
        tiles.set(
          key,
          launcher.add({ command: CommandIDs.open, args, category, rank: 1 })
        );
      }
    }
  };
  store.changed.connect(update);
  update();
}
