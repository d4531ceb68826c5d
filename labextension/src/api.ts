import type { ServerConnection } from '@jupyterlab/services';

import type { IChanges } from './environmentModels';
import type {
  ICommitRequest,
  IFinding,
  IFoundImage,
  IImage,
  IInfo,
  ILaunchRequest,
  ILogin,
  INetwork,
  IOperation,
  IUnused,
  IVolume,
  IWorkspace,
  IWorkspaceKey,
  UnusedKind
} from './models';
import { pathOf } from './models';
import { ApiError, request } from './request';
import { SnapshotApi } from './snapshotApi';

/** The REST API of the workspace launcher. */
export class WorkspaceApi {
  constructor(readonly settings: ServerConnection.ISettings) {
    this.snapshots = new SnapshotApi(settings);
  }

  readonly snapshots: SnapshotApi;

  info(): Promise<IInfo> {
    return this._json('info');
  }

  images(): Promise<IImage[]> {
    return this._json('images');
  }

  /** Ask for a workspace; the same `idempotencyKey` never makes a second one. */
  launch(request: ILaunchRequest, idempotencyKey: string): Promise<IWorkspace> {
    return this._json('workspaces', {
      method: 'POST',
      body: JSON.stringify(request),
      headers: { 'Idempotency-Key': idempotencyKey }
    });
  }

  act(
    workspace: IWorkspaceKey,
    verb: 'start' | 'stop' | 'unpause'
  ): Promise<IWorkspace> {
    return this._post(`${pathOf(workspace)}/${verb}`, {});
  }

  remove(workspace: IWorkspaceKey): Promise<void> {
    return this._delete(`${pathOf(workspace)}?force=1`);
  }

  commit(
    workspace: IWorkspaceKey,
    request: ICommitRequest
  ): Promise<IOperation> {
    return this._post(`${pathOf(workspace)}/commit`, request);
  }

  /** What a commit would keep. */
  changes(workspace: IWorkspaceKey): Promise<IChanges> {
    return this._json(`${pathOf(workspace)}/changes`);
  }

  /** Begin to build an image that the server offers. */
  build(reference: string): Promise<IOperation> {
    return this._post('images/build', { image: reference });
  }

  /** Begin to pull an image. */
  pull(reference: string): Promise<IOperation> {
    return this._post('images/pull', { reference });
  }

  removeImage(reference: string): Promise<void> {
    return this._delete(`images/${encodeURIComponent(reference)}`);
  }

  search(term: string): Promise<IFoundImage[]> {
    return this._json(`images/search?term=${encodeURIComponent(term)}`);
  }

  volumes(): Promise<IVolume[]> {
    return this._json('volumes');
  }

  networks(): Promise<INetwork[]> {
    return this._json('networks');
  }

  /** Make a volume or a network. */
  async create(kind: 'volumes' | 'networks', name: string): Promise<void> {
    await this._post(kind, { name });
  }

  /** Remove a volume or a network that nothing uses. */
  discard(kind: 'volumes' | 'networks', name: string): Promise<void> {
    return this._delete(`${kind}/${encodeURIComponent(name)}`);
  }

  /** Remove what nothing uses, or only tell what that would be. */
  prune(kinds: readonly UnusedKind[], dryRun: boolean): Promise<IUnused[]> {
    return this._post('prune', { kinds, dry_run: dryRun });
  }

  logins(): Promise<ILogin[]> {
    return this._json('registries');
  }

  async login(
    registry: string,
    username: string,
    password: string
  ): Promise<void> {
    const body = JSON.stringify({ registry, username, password });
    await this.request('registries/login', { method: 'POST', body });
  }

  async logout(registry: string): Promise<void> {
    const body = JSON.stringify({ registry });
    await this.request('registries/logout', { method: 'POST', body });
  }

  /** What the server finds when it looks its machine over. */
  doctor(): Promise<IFinding[]> {
    return this._json('doctor');
  }

  /** What an operation has written. */
  async log(operation: string): Promise<string> {
    const path = `operations/${encodeURIComponent(operation)}/log`;
    return (await this.request(path)).text();
  }

  cancel(operation: string): Promise<void> {
    return this._delete(`operations/${encodeURIComponent(operation)}`);
  }

  /** The address in a browser of a path from the server's root. */
  address(path: string): string {
    const url = new URL(path, this.settings.baseUrl);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw new ApiError(0, 'bad_url', `${path} is not a web address.`);
    }
    return url.href;
  }

  request(path: string, init?: RequestInit): Promise<Response> {
    return request(this.settings, `api/${path}`, init);
  }

  private async _json<T>(path: string, init?: RequestInit): Promise<T> {
    return (await (await this.request(path, init)).json()) as T;
  }

  private _post<T>(path: string, body: object): Promise<T> {
    return this._json(path, { method: 'POST', body: JSON.stringify(body) });
  }

  private async _delete(path: string): Promise<void> {
    await this.request(path, { method: 'DELETE' });
  }
}

/** What a workspace's own JupyterLab may ask of the launcher. */
export class EnvironmentApi {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  /** What a commit of the workspace that this page is in would keep; null from a launcher that cannot say. */
  async changes(): Promise<IChanges | null> {
    try {
      const response = await request(this._settings, 'commit/changes');
      return (await response.json()) as IChanges;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) {
        return null;
      }
      throw error;
    }
  }

  /** Commit it. */
  async commit(commit: ICommitRequest): Promise<IOperation> {
    const init = { method: 'POST', body: JSON.stringify(commit) };
    const response = await request(this._settings, 'commit', init);
    return (await response.json()) as IOperation;
  }

  /** How such a commit goes. */
  async operation(id: string): Promise<IOperation> {
    const path = `operations/${encodeURIComponent(id)}`;
    return (await (await request(this._settings, path)).json()) as IOperation;
  }
}
