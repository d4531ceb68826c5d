/** The resources of the server's REST API, as far as the front end reads them. */

export type WorkspaceState =
  'starting' | 'running' | 'paused' | 'stopping' | 'stopped' | 'failed';

/** A step of a launch that is over, and when, in seconds since the launch began. */
export interface IStep {
  readonly name: string;
  readonly seconds: number;
}

export interface IWorkspace {
  readonly owner: string;
  readonly name: string;
  readonly id: string;
  readonly state: WorkspaceState;
  /** The step at work while starting, the reason when failed. */
  readonly message: string;
  /** A path from the server's root. */
  readonly url: string;
  readonly image: string;
  readonly steps?: readonly IStep[];
}

export interface ISnapshot {
  readonly id: string;
  readonly reference: string;
  readonly workspace: string;
  readonly message: string;
  readonly created: string | null;
  readonly size: number;
}

export interface IOperation {
  readonly id: string;
  readonly kind: string;
  readonly target: string;
  readonly state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  readonly progress: number | null;
  readonly detail: string;
  readonly result: unknown;
  readonly error: string | null;
}

export interface IEngine {
  readonly reachable: boolean;
  readonly message: string;
}

export interface IImage {
  readonly reference: string;
  readonly title: string;
  readonly description: string;
  readonly kind: 'catalogue' | 'snapshot';
  readonly ready: boolean;
}

export interface IInfo {
  readonly defaults: {
    readonly image?: string | null;
    readonly gpus?: number | string | null;
    readonly cpus?: number | null;
    readonly memory?: number | null;
    readonly shm_size?: number | null;
  };
  readonly limits: { readonly gpus?: number | null };
}

export interface ILaunchRequest {
  name?: string;
  image?: string;
  gpus?: number | string | string[];
  cpus?: number | string;
  memory?: number | string;
  shm_size?: number | string;
}

export interface ICommitRequest {
  tag?: string;
  message?: string;
}

/** What names a workspace. */
export interface IWorkspaceKey {
  readonly owner: string;
  readonly name: string;
}

export function keyOf(workspace: IWorkspaceKey): string {
  return `${workspace.owner}/${workspace.name}`;
}

/** Whether an operation is work on a workspace. */
export function concerns(
  operation: IOperation,
  workspace: IWorkspaceKey
): boolean {
  return operation.target === keyOf(workspace);
}
