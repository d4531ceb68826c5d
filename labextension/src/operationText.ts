import type { TranslationBundle } from '@jupyterlab/translation';

import type { IImage, IOperation } from './models';
import { formatSize } from './text';

/** What is said of work that goes on, and of how it ended. */
export interface IWords {
  readonly doing: string;
  readonly done: (reference: string) => string;
  readonly failed: (why: string) => string;
  readonly cancelled: string;
  /** Of work that was under way and of which the server knows nothing now. */
  readonly forgotten: string;
}

/** How many bytes of how many have moved, and how long the rest may take; empty where it is not known. */
export function amount(
  operation: IOperation,
  trans: TranslationBundle
): string {
  const { done, total, seconds_left: left } = operation;
  const parts: string[] = [];
  if (done !== null && total) {
    parts.push(trans.__('%1 of %2', formatSize(done), formatSize(total)));
  } else if (done) {
    parts.push(formatSize(done));
  }
  if (left !== null) {
    parts.push(
      left < 60
        ? trans.__('%1 s left', Math.ceil(left))
        : trans.__('%1 min left', Math.max(1, Math.round(left / 60)))
    );
  }
  return parts.join(' · ');
}

/** What an operation is, for people: `Build of workspace-launcher/tensorflow:latest`. */
export function titleOf(
  operation: IOperation,
  trans: TranslationBundle
): string {
  const { kind, target } = operation;
  switch (kind) {
    case 'build':
      return trans.__('Build of %1', target);
    case 'pull':
      return trans.__('Pull of %1', target);
    case 'push':
      return trans.__('Push of %1', target);
    case 'commit':
      return trans.__('Commit of %1', target);
    case 'rollback':
      return trans.__('Roll back of %1', target);
    case 'rebuild':
      return trans.__('Rebuild of %1', target);
    case 'verify':
      return trans.__('Verification of %1', target);
    case 'squash':
      return trans.__('Squash of %1', target);
    case 'import':
      return trans.__('Import of %1', target);
    default:
      return `${kind} ${target}`;
  }
}

export function commitWords(
  trans: TranslationBundle,
  operation: IOperation
): IWords {
  const { target } = operation;
  const name = target.slice(target.indexOf('/') + 1);
  return {
    doing: trans.__('Committing %1…', name),
    done: reference => trans.__('Committed as %1', reference || name),
    failed: why => trans.__('%1 was not committed: %2', name, why),
    cancelled: trans.__('The commit of %1 was cancelled.', name),
    forgotten: trans.__(
      'The server no longer knows how the commit of %1 went.',
      name
    )
  };
}

export function buildWords(trans: TranslationBundle, name: string): IWords {
  return {
    doing: trans.__('Building %1…', name),
    done: () => trans.__('%1 is built.', name),
    failed: why => trans.__('%1 was not built: %2', name, why),
    cancelled: trans.__('The build of %1 was cancelled.', name),
    forgotten: trans.__(
      'The server no longer knows how the build of %1 went.',
      name
    )
  };
}

export function pullWords(trans: TranslationBundle, name: string): IWords {
  return {
    doing: trans.__('Pulling %1…', name),
    done: () => trans.__('%1 is here.', name),
    failed: why => trans.__('%1 was not pulled: %2', name, why),
    cancelled: trans.__('The pull of %1 was cancelled.', name),
    forgotten: trans.__(
      'The server no longer knows how the pull of %1 went.',
      name
    )
  };
}

export function pushWords(trans: TranslationBundle, name: string): IWords {
  return {
    doing: trans.__('Pushing %1…', name),
    done: reference => trans.__('Pushed as %1', reference || name),
    failed: why => trans.__('%1 was not pushed: %2', name, why),
    cancelled: trans.__('The push of %1 was cancelled.', name),
    forgotten: trans.__(
      'The server no longer knows how the push of %1 went.',
      name
    )
  };
}

export function rollBackWords(
  trans: TranslationBundle,
  name: string,
  reference: string
): IWords {
  return {
    doing: trans.__('Rolling %1 back to %2…', name, reference),
    done: () => trans.__('%1 has the environment of %2.', name, reference),
    failed: why => trans.__('%1 was not rolled back: %2', name, why),
    cancelled: trans.__('%1 was not rolled back.', name),
    forgotten: trans.__(
      'The server no longer knows how the roll back of %1 went.',
      name
    )
  };
}

export function rebuildWords(trans: TranslationBundle, name: string): IWords {
  return {
    doing: trans.__('Rebuilding %1…', name),
    done: () => trans.__('%1 was rebuilt and compared.', name),
    failed: why => trans.__('%1 was not rebuilt: %2', name, why),
    cancelled: trans.__('The rebuild of %1 was cancelled.', name),
    forgotten: trans.__(
      'The server no longer knows how the rebuild of %1 went.',
      name
    )
  };
}

export function verifyWords(trans: TranslationBundle, name: string): IWords {
  return {
    doing: trans.__('Verifying %1…', name),
    done: () => trans.__('%1 was looked at.', name),
    failed: why => trans.__('%1 was not verified: %2', name, why),
    cancelled: trans.__('The verification of %1 was cancelled.', name),
    forgotten: trans.__(
      'The server no longer knows how the verification of %1 went.',
      name
    )
  };
}

export function squashWords(trans: TranslationBundle, name: string): IWords {
  return {
    doing: trans.__('Squashing %1…', name),
    done: () => trans.__('%1 is squashed.', name),
    failed: why => trans.__('%1 was not squashed: %2', name, why),
    cancelled: trans.__('The squash of %1 was cancelled.', name),
    forgotten: trans.__(
      'The server no longer knows how the squash of %1 went.',
      name
    )
  };
}

/** What is said of a file that becomes a snapshot. */
export function importWords(trans: TranslationBundle, file: string): IWords {
  return {
    doing: trans.__('Importing %1…', file),
    done: reference => trans.__('Imported as %1', reference || file),
    failed: why => trans.__('%1 was not imported: %2', file, why),
    cancelled: trans.__('The import of %1 was cancelled.', file),
    forgotten: trans.__(
      'The server no longer knows how the import of %1 went.',
      file
    )
  };
}

/** What is said of an image that is made ready: built where the server can, pulled otherwise. */
export function fetchWords(trans: TranslationBundle, image: IImage): IWords {
  const name = image.title || image.reference;
  return image.buildable ? buildWords(trans, name) : pullWords(trans, name);
}
