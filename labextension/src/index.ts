import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { ILauncher } from '@jupyterlab/launcher';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { WorkspaceApi } from './api';
import { addCommands } from './commands';
import { Doctor } from './doctor';
import environment from './environment';
import { Notices } from './notifications';
import { addResourceCommands } from './resourceCommands';
import { WorkspacePanel } from './sidebar/panel';
import { addSnapshotCommands } from './snapshotCommands';
import { WorkspaceStore } from './store';
import { addTiles } from './tiles';
import type { IContext, Run } from './tokens';
import { PANEL_ID, PLUGIN_ID } from './tokens';

const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'Launches workspaces, opens them and commits them.',
  autoStart: true,
  optional: [
    ILauncher,
    ICommandPalette,
    ILayoutRestorer,
    ISettingRegistry,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    launcher: ILauncher | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null,
    translator: ITranslator | null
  ) => {
    const { commands } = app;
    const trans = (translator ?? nullTranslator).load('workspace_launcher');
    const api = new WorkspaceApi(app.serviceManager.serverSettings);
    const store = new WorkspaceStore(api);
    const run: Run = (id, args) => {
      commands.execute(id, args).catch((error: unknown) => {
        notices.problem(error);
      });
    };
    const notices = new Notices(api, store, trans, run);
    let openAfterLaunch = true;
    const context: IContext = {
      api,
      store,
      notices,
      doctor: new Doctor(api, store),
      commands,
      trans,
      openAfterLaunch: () => openAfterLaunch
    };

    addCommands(app, context, palette);
    addResourceCommands(app, context, run, palette);
    addSnapshotCommands(app, context, palette);

    const panel = new WorkspacePanel(context, run);
    app.shell.add(panel, 'left', { rank: 300, type: 'Workspaces' });
    restorer?.add(panel, PANEL_ID);

    if (launcher) {
      addTiles(launcher, context);
    }

    settings?.load(PLUGIN_ID).then(
      loaded => {
        const update = (): void => {
          openAfterLaunch = loaded.get('openAfterLaunch').composite !== false;
        };
        loaded.changed.connect(update);
        update();
      },
      (error: unknown) => {
        console.error(`The settings of ${PLUGIN_ID} cannot be read`, error);
      }
    );

    void store.run();
  }
};

// The launcher says so in the settings that it starts a workspace with.
const inside = PageConfig.getOption('workspaceLauncher') === 'inside';

export default inside ? environment : plugin;
