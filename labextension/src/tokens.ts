import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import type { WorkspaceApi } from './api';
import type { Notices } from './notifications';
import type { WorkspaceStore } from './store';

export const PLUGIN_ID = '@workspace-launcher/labextension:plugin';

export const ENVIRONMENT_PLUGIN_ID =
  '@workspace-launcher/labextension:environment';

export const PANEL_ID = 'workspace-launcher-panel';

export namespace CommandIDs {
  export const launch = 'workspaces:launch';
  export const open = 'workspaces:open';
  export const start = 'workspaces:start';
  export const stop = 'workspaces:stop';
  export const commit = 'workspaces:commit';
  export const remove = 'workspaces:remove';
  export const cancel = 'workspaces:cancel-operation';
  export const commitEnvironment = 'workspaces:commit-environment';
  export const show = 'workspaces:show-panel';
}

/** What every part of the extension works with. */
export interface IContext {
  readonly api: WorkspaceApi;
  readonly store: WorkspaceStore;
  readonly notices: Notices;
  readonly commands: CommandRegistry;
  readonly trans: TranslationBundle;
  /** Whether a workspace is opened in a browser tab when it was launched. */
  readonly openAfterLaunch: () => boolean;
}
