import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { WorkspaceApi } from './api';
import type { Doctor } from './doctor';
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
  export const log = 'workspaces:show-log';
  export const fetchImage = 'workspaces:build-or-pull-image';
  export const pullImage = 'workspaces:pull-image';
  export const removeImage = 'workspaces:remove-image';
  export const pushSnapshot = 'workspaces:push-snapshot';
  export const compareSnapshot = 'workspaces:compare-snapshot';
  export const rollBack = 'workspaces:roll-back';
  export const shareSnapshot = 'workspaces:share-snapshot';
  export const unshareSnapshot = 'workspaces:unshare-snapshot';
  export const recipe = 'workspaces:download-recipe';
  export const rebuildSnapshot = 'workspaces:rebuild-snapshot';
  export const verifySnapshot = 'workspaces:verify-snapshot';
  export const verificationLog = 'workspaces:show-verification-log';
  export const squashSnapshot = 'workspaces:squash-snapshot';
  export const exportSnapshot = 'workspaces:export-snapshot';
  export const importSnapshot = 'workspaces:import-snapshot';
  export const removeSnapshot = 'workspaces:remove-snapshot';
  export const createVolume = 'workspaces:create-volume';
  export const removeVolume = 'workspaces:remove-volume';
  export const createNetwork = 'workspaces:create-network';
  export const removeNetwork = 'workspaces:remove-network';
  export const cleanUp = 'workspaces:clean-up';
  export const registries = 'workspaces:registries';
  export const doctor = 'workspaces:doctor';
  export const commitEnvironment = 'workspaces:commit-environment';
  export const show = 'workspaces:show-panel';
}

/** What every part of the extension works with. */
export interface IContext {
  readonly api: WorkspaceApi;
  readonly store: WorkspaceStore;
  readonly notices: Notices;
  readonly doctor: Doctor;
  readonly commands: CommandRegistry;
  readonly trans: TranslationBundle;
  /** Whether a workspace is opened in a browser tab when it was launched. */
  readonly openAfterLaunch: () => boolean;
}

/** Run a command of this extension; what goes wrong the user is told. */
export type Run = (id: string, args?: ReadonlyPartialJSONObject) => void;
