import { LabIcon } from '@jupyterlab/ui-components';

import newWorkspaceSvg from '../style/icons/new-workspace.svg';
import workspaceSvg from '../style/icons/workspace.svg';

export const workspaceIcon = new LabIcon({
  name: 'workspace-launcher:workspace',
  svgstr: workspaceSvg
});

export const newWorkspaceIcon = new LabIcon({
  name: 'workspace-launcher:new-workspace',
  svgstr: newWorkspaceSvg
});
