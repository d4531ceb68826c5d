import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { WorkspaceApi } from './api';
import { ApiError } from './request';
import type { IFinding } from './models';
import type { WorkspaceStore } from './store';

/** What is wrong with the server's machine: asked after load, and whenever the engine comes or goes. */
export class Doctor {
  constructor(
    private readonly _api: WorkspaceApi,
    store: WorkspaceStore
  ) {
    let reachable: boolean | undefined;
    store.changed.connect(() => {
      if (store.loaded && store.engine.reachable !== reachable) {
        reachable = store.engine.reachable;
        this.examine().catch((error: unknown) => {
          // Nobody asked: the banners say what the user needs to know.
          console.debug('The machine could not be looked over', error);
        });
      }
    });
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** What keeps workspaces from launching. */
  get problems(): readonly IFinding[] {
    return this._findings.filter(finding => finding.health === 'problem');
  }

  get warnings(): readonly IFinding[] {
    return this._findings.filter(finding => finding.health === 'warning');
  }

  get examining(): boolean {
    return this._examining;
  }

  /** Have the machine looked over now. */
  async examine(): Promise<void> {
    const round = (this._round += 1);
    this._examining = true;
    this._changed.emit();
    try {
      const findings = await this._api.doctor();
      if (round === this._round) {
        this._findings = findings;
      }
    } catch (error) {
      if (error instanceof ApiError && error.status === 403) {
        // The machine is its administrators' affair.
        this._findings = [];
      }
      throw error;
    } finally {
      // An answer that was overtaken says how things were.
      if (round === this._round) {
        this._examining = false;
        this._changed.emit();
      }
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private _findings: readonly IFinding[] = [];
  private _round = 0;
  private _examining = false;
}
