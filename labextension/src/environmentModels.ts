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
