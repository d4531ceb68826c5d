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
  readonly owner: string;
  readonly workspace: string;
  /** The nearest snapshot that it comes from. */
  readonly parent_id?: string | null;
  readonly message: string;
  readonly created: string | null;
  readonly size: number;
  /** What removing it would free. */
  readonly unique_size?: number;
  readonly layers: number;
  readonly packages?: number | null;
  readonly verified?: boolean | null;
  readonly shared?: boolean;
}

/** A layer of an image on its way; sizes in bytes. */
export interface ILayer {
  readonly id: string;
  readonly state: string;
  readonly done: number;
  readonly total: number | null;
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
  /** Bytes, where bytes move. */
  readonly done: number | null;
  readonly total: number | null;
  readonly seconds_left: number | null;
  readonly layers: readonly ILayer[];
}

export interface IEngine {
  readonly reachable: boolean;
  readonly message: string;
}

/** What a workspace of an image gets where nothing else is asked for; sizes in bytes. */
export interface ILaunchDefaults {
  readonly image?: string | null;
  readonly gpus?: number | string | null;
  readonly cpus?: number | null;
  readonly memory?: number | string | null;
  readonly shm_size?: number | string | null;
  readonly ports?: IPorts | null;
}

/** Port inside to the host's port, address and port, or any. */
export type IPorts = Readonly<
  Record<string, number | null | readonly [string, number | null]>
>;

export interface IImage {
  readonly reference: string;
  /** Null where it is not on the engine's machine. */
  readonly id: string | null;
  readonly title: string;
  readonly description: string;
  readonly kind: 'catalogue' | 'snapshot';
  readonly size: number | null;
  /** Bytes over the image that it is made from. */
  readonly adds: number | null;
  readonly ready: boolean;
  /** Whether the server can build it; another one is pulled. */
  readonly buildable: boolean;
  readonly problems: readonly string[];
  readonly launch: ILaunchDefaults;
}

/** Whether an image is on the engine's machine; one that is not has to be built or pulled first. */
export function isHere(image: IImage): boolean {
  return image.id !== null;
}

/** A repository that a search found. */
export interface IFoundImage {
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly official: boolean;
}

export interface ILogin {
  readonly registry: string;
  readonly username: string;
}

export interface IVolume {
  readonly name: string;
  readonly size: number | null;
  readonly used_by: readonly string[];
}

export interface INetwork {
  readonly name: string;
  readonly workspaces: readonly string[];
}

export const UNUSED_KINDS = [
  'workspaces',
  'volumes',
  'networks',
  'images',
  'snapshots'
] as const;

export type UnusedKind = (typeof UNUSED_KINDS)[number];

/** Something that nothing uses. */
export interface IUnused {
  readonly kind: 'workspace' | 'volume' | 'network' | 'image' | 'snapshot';
  /** The ID of its image where it is a snapshot that has none. */
  readonly name: string;
  readonly size: number | null;
}

/** Something that the doctor looked at. */
export interface IFinding {
  readonly check: string;
  readonly health: 'ok' | 'warning' | 'problem';
  readonly found: string;
  /** What to type in a shell of the server's machine to mend it. */
  readonly command: string | null;
}

export interface IInfo {
  readonly user: { readonly name: string };
  readonly defaults: ILaunchDefaults;
  readonly limits: { readonly gpus?: number | null };
}

export interface ILaunchRequest {
  name?: string;
  image?: string;
  gpus?: number | string | string[];
  cpus?: number | string;
  memory?: number | string;
  shm_size?: number | string;
  volumes?: Record<string, { bind: string; mode: 'rw' | 'ro' }>;
  networks?: readonly string[];
  links?: Record<string, string>;
  ports?: IPorts;
  environment?: Record<string, string>;
}

export interface ICommitRequest {
  tag?: string;
  message?: string;
  /** Kinds of changes, and paths, of which nothing is kept. */
  exclude?: readonly string[];
  /** Paths that are kept though they look like secrets. */
  allow_secrets?: readonly string[];
  /** Whether it gets its tag only when it is seen to work. */
  verify?: boolean;
}

/** What names a workspace. */
export interface IWorkspaceKey {
  readonly owner: string;
  readonly name: string;
}

export function keyOf(workspace: IWorkspaceKey): string {
  return `${workspace.owner}/${workspace.name}`;
}

/** The path of a workspace in the REST API. */
export function pathOf(workspace: IWorkspaceKey): string {
  const owner = encodeURIComponent(workspace.owner);
  return `workspaces/${owner}/${encodeURIComponent(workspace.name)}`;
}

/** Whether an operation is work on a workspace. */
export function concerns(
  operation: IOperation,
  workspace: IWorkspaceKey
): boolean {
  return operation.target === keyOf(workspace);
}
