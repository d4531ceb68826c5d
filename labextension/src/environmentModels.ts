/** What is said of environments: what is in them, and what differs between two; sizes in bytes. */

export interface IPackage {
  readonly manager: string;
  readonly name: string;
  readonly version: string;
}

/** A package whose version is another. */
export interface IPackageChange {
  readonly manager: string;
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

export interface IPackageDifference {
  readonly added: readonly IPackage[];
  readonly removed: readonly IPackage[];
  readonly changed: readonly IPackageChange[];
}

/** What a snapshot has over another. */
export interface ISnapshotDiff {
  readonly packages: IPackageDifference;
  /** Bytes that it has more, or fewer where negative. */
  readonly size: number;
}

/** Changes of one kind in a workspace. */
export interface IChangeGroup {
  readonly kind: string;
  /** What can be left out by itself, and all together where nothing is to be kept. */
  readonly paths: readonly string[];
  readonly size: number;
  /** Files and directories. */
  readonly entries: number;
  /** The biggest of these. */
  readonly items: readonly IChangedItem[];
}

export interface IChangedItem {
  readonly path: string;
  readonly size: number;
  readonly entries: number;
}

/** A file that looks like a secret, and the rule that says so. */
export interface ISecret {
  readonly path: string;
  readonly rule: string;
  /** What the rule finds, in words. */
  readonly what: string;
}

/** What a commit of a workspace would keep. */
export interface IChanges {
  readonly size: number;
  readonly groups: readonly IChangeGroup[];
  /** Null where they could not be listed. */
  readonly packages: IPackageDifference | null;
  readonly secrets: readonly ISecret[];
  /** Whether files were looked into; sizes are known only then. */
  readonly scanned: boolean;
  /** What could not be looked at, a sentence each. */
  readonly notes: readonly string[];
}

/** Paths that differ: how many, and the first of them. */
export interface IPaths {
  readonly count: number;
  readonly paths: readonly string[];
}

/** What came of making a snapshot again by its recipe. */
export interface IReproduction {
  readonly reproducible: boolean;
  readonly packages: IPackageDifference;
  readonly files: {
    readonly missing: IPaths;
    readonly extra: IPaths;
    readonly different: IPaths;
  };
  /** Why it could not be made at all. */
  readonly error: string | null;
}

/** What came of verifying a snapshot. */
export interface IVerification {
  readonly verified: boolean;
  readonly problem: string | null;
  readonly imported: number;
  readonly log: string;
}
