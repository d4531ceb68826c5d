import { URLExt } from '@jupyterlab/coreutils';
import type { ServerConnection } from '@jupyterlab/services';

import type { ISnapshotDiff } from './environmentModels';
import type { IOperation, ISnapshot, IWorkspaceKey } from './models';
import { pathOf } from './models';
import { request } from './request';

/** The REST API of the workspace launcher, as far as it is about snapshots. */
export class SnapshotApi {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  async remove(snapshot: ISnapshot): Promise<void> {
    await this._request(snapshot, '', { method: 'DELETE' });
  }

  /** Begin to push a snapshot; without a tag, by its own. */
  push(
    snapshot: ISnapshot,
    repository: string,
    tag?: string
  ): Promise<IOperation> {
    return this._post(snapshot, 'push', { repository, tag });
  }

  /** Let everybody on the server launch from it, or nobody else. */
  async share(snapshot: ISnapshot, shared: boolean): Promise<void> {
    const body = JSON.stringify({ shared });
    await this._request(snapshot, '', { method: 'PATCH', body });
  }

  /** What it has over another, or over `base`: the image that the first of its line is from. */
  async diff(snapshot: ISnapshot, against: string): Promise<ISnapshotDiff> {
    const path = `/diff?against=${encodeURIComponent(against)}`;
    return (await (
      await this._request(snapshot, path)
    ).json()) as ISnapshotDiff;
  }

  /** What makes it again, as a zip. */
  async recipe(snapshot: ISnapshot): Promise<Blob> {
    return (await this._request(snapshot, '/recipe')).blob();
  }

  /** Begin to make it again and compare, to see whether it works, or to make one layer of it. */
  begin(
    snapshot: ISnapshot,
    work: 'rebuild' | 'verify' | 'squash'
  ): Promise<IOperation> {
    return this._post(snapshot, work, {});
  }

  /** What the last verification of it wrote. */
  async verificationLog(snapshot: ISnapshot): Promise<string> {
    return (await this._request(snapshot, '/verify')).text();
  }

  /** The address in a browser of all of it, as a tar. */
  exportAddress(snapshot: ISnapshot): string {
    const { appendToken, baseUrl, token } = this._settings;
    const id = encodeURIComponent(snapshot.id);
    const path = `workspace-launcher/api/snapshots/${id}/export`;
    // As JupyterLab's own downloads: a page that has no cookie has the token.
    const query =
      appendToken && token ? URLExt.objectToQueryString({ token }) : '';
    return URLExt.join(baseUrl, path) + query;
  }

  /** Send such a tar, and begin to make a snapshot of it; without a tag, by its own. */
  async import(
    tar: Blob,
    tag: string,
    signal: AbortSignal
  ): Promise<IOperation> {
    const headers = { 'Content-Type': 'application/x-tar' };
    const init = { method: 'POST', body: tar, headers, signal };
    const query = tag ? URLExt.objectToQueryString({ tag }) : '';
    return (await (
      await request(this._settings, `api/snapshots/import${query}`, init)
    ).json()) as IOperation;
  }

  /** Begin to give a workspace its environment. */
  async rollBack(
    workspace: IWorkspaceKey,
    snapshot: ISnapshot
  ): Promise<IOperation> {
    const body = JSON.stringify({ snapshot: snapshot.id });
    const path = `api/${pathOf(workspace)}/rollback`;
    const init = { method: 'POST', body };
    return (await (
      await request(this._settings, path, init)
    ).json()) as IOperation;
  }

  private async _post(
    snapshot: ISnapshot,
    work: string,
    what: object
  ): Promise<IOperation> {
    const body = JSON.stringify(what);
    const init = { method: 'POST', body };
    return (await (
      await this._request(snapshot, `/${work}`, init)
    ).json()) as IOperation;
  }

  private _request(
    snapshot: ISnapshot,
    path: string,
    init?: RequestInit
  ): Promise<Response> {
    const id = encodeURIComponent(snapshot.id);
    return request(this._settings, `api/snapshots/${id}${path}`, init);
  }
}
