import type { IDisposable } from '@lumino/disposable';
import { DisposableDelegate } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { WorkspaceApi } from './api';
import { readEvents } from './events';
import type { IEngine, IOperation, ISnapshot, IWorkspace } from './models';
import { keyOf } from './models';

const FIRST_DELAY = 500;
const LAST_DELAY = 10_000;

/** A stream that has been silent for so long is taken for dead if the server sends keep-alives. */
const SILENCE = 60_000;

/**
 * A page nobody looks at gives its connection back after so long: a browser grants a host six over HTTP/1.1, for all
 * its tabs together.
 */
const HIDDEN = 60_000;

export type Connection = 'connecting' | 'connected' | 'lost';

interface IWorld {
  workspaces: Map<string, IWorkspace>;
  snapshots: Map<string, ISnapshot>;
  operations: Map<string, IOperation>;
  engine: IEngine;
}

/** What the server says there is, kept current by its event stream. */
export class WorkspaceStore implements IDisposable {
  constructor(private readonly _api: WorkspaceApi) {
    document.addEventListener('visibilitychange', this._onVisibility);
    window.addEventListener('online', this._onOnline);
  }

  /** Emitted at each change of what is here. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get workspaces(): ReadonlyMap<string, IWorkspace> {
    return this._world.workspaces;
  }

  get snapshots(): ReadonlyMap<string, ISnapshot> {
    return this._world.snapshots;
  }

  get operations(): ReadonlyMap<string, IOperation> {
    return this._world.operations;
  }

  get engine(): IEngine {
    return this._world.engine;
  }

  get connection(): Connection {
    return this._connection;
  }

  /** Goes up when this page has changed what no event tells of: images, volumes, networks. */
  get revision(): number {
    return this._revision;
  }

  /** Let those look again who show what no event tells of. */
  touch(): void {
    this._revision += 1;
    this._changed.emit();
  }

  /** Whether the full state has come at least once. */
  get loaded(): boolean {
    return this._loaded;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    document.removeEventListener('visibilitychange', this._onVisibility);
    window.removeEventListener('online', this._onOnline);
    window.clearTimeout(this._hiding);
    this._abort.abort();
    this._wake();
    Signal.clearData(this);
  }

  /** Keep the stream open, even when nobody looks at the page, until disposed. */
  hold(): IDisposable {
    this._holds += 1;
    return new DisposableDelegate(() => {
      this._holds -= 1;
      this._onVisibility();
    });
  }

  /** Read the event stream, again and again, until disposed. */
  async run(): Promise<void> {
    let delay = FIRST_DELAY;
    while (!this._isDisposed) {
      if (this._isSuspended()) {
        await this._pause(null);
        continue;
      }
      if (await this._stream()) {
        delay = FIRST_DELAY;
      }
      if (!this._isSuspended()) {
        this._setConnection('lost');
        await this._pause(delay * (0.75 + Math.random() / 2));
        delay = Math.min(delay * 2, LAST_DELAY);
      }
    }
  }

  /** Read one connection to its end; true where the full state came. */
  private async _stream(): Promise<boolean> {
    const abort = (this._abort = new AbortController());
    const incoming = emptyWorld();
    let world = incoming;
    let ready = false;
    let heard = Date.now();
    let keptAlive = false;
    const watchdog = window.setInterval(() => {
      if (keptAlive && Date.now() - heard > SILENCE) {
        abort.abort();
      }
    }, SILENCE / 4);
    try {
      const response = await this._api.request('events', {
        headers: { Accept: 'text/event-stream' },
        signal: abort.signal
      });
      if (!response.body) {
        return false;
      }
      const events = readEvents(response.body, line => {
        keptAlive ||= line.startsWith(':');
        heard = Date.now();
      });
      for await (const event of events) {
        if (event.name === 'ready') {
          ready = true;
          this._world = world = incoming;
          this._loaded = true;
          this._connection = 'connected';
        } else if (!apply(world, event.name, event.data)) {
          continue;
        }
        if (ready) {
          this._changed.emit();
        }
      }
    } catch (error) {
      if (!abort.signal.aborted) {
        console.debug('The event stream of the workspaces ended', error);
      }
    } finally {
      window.clearInterval(watchdog);
    }
    return ready;
  }

  private _isSuspended(): boolean {
    return this._suspended;
  }

  private _setConnection(connection: Connection): void {
    if (this._connection !== connection && !this._isDisposed) {
      this._connection = connection;
      this._changed.emit();
    }
  }

  private async _pause(milliseconds: number | null): Promise<void> {
    let timer: number | undefined;
    await new Promise<void>(resolve => {
      this._wake = resolve;
      if (milliseconds !== null) {
        timer = window.setTimeout(resolve, milliseconds);
      }
    });
    window.clearTimeout(timer);
  }

  private readonly _onOnline = (): void => {
    this._wake();
  };

  private readonly _onVisibility = (): void => {
    window.clearTimeout(this._hiding);
    if (this._isDisposed) {
      return;
    }
    if (document.visibilityState === 'visible') {
      this._suspended = false;
      this._wake();
    } else if (this._holds === 0) {
      this._hiding = window.setTimeout(() => {
        if (this._holds === 0) {
          this._suspended = true;
          this._abort.abort();
        }
      }, HIDDEN);
    }
  };

  private readonly _changed = new Signal<this, void>(this);
  private _world = emptyWorld();
  private _connection: Connection = 'connecting';
  private _loaded = false;
  private _revision = 0;
  private _isDisposed = false;
  private _abort = new AbortController();
  private _wake: () => void = () => undefined;
  private _holds = 0;
  private _hiding: number | undefined;
  private _suspended = false;
}

function emptyWorld(): IWorld {
  return {
    workspaces: new Map(),
    snapshots: new Map(),
    operations: new Map(),
    engine: { reachable: true, message: '' }
  };
}

/** Let an event change the world; false where it means nothing to us. */
function apply(world: IWorld, name: string, data: string): boolean {
  switch (name) {
    case 'workspace': {
      const workspace = JSON.parse(data) as IWorkspace;
      world.workspaces.set(keyOf(workspace), workspace);
      return true;
    }
    case 'workspace-removed':
      return world.workspaces.delete(keyOf(JSON.parse(data) as IWorkspace));
    case 'snapshot': {
      const snapshot = JSON.parse(data) as ISnapshot;
      world.snapshots.set(snapshot.id, snapshot);
      return true;
    }
    case 'snapshot-removed':
      return world.snapshots.delete((JSON.parse(data) as ISnapshot).id);
    case 'operation': {
      const operation = JSON.parse(data) as IOperation;
      world.operations.set(operation.id, operation);
      return true;
    }
    case 'engine':
      world.engine = JSON.parse(data) as IEngine;
      return true;
    default:
      return false;
  }
}
