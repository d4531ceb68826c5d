import { showReproduction, showVerification } from './dialogs/proof';
import { showText } from './dialogs/text';
import type { IReproduction, IVerification } from './environmentModels';
import type { IOperation, ISnapshot } from './models';
import { rebuildWords, verifyWords } from './operationText';
import type { IContext } from './tokens';

/** Make a snapshot again by its recipe, and show what differs. */
export async function rebuild(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const { api, notices, trans } = context;
  const { reference } = snapshot;
  const operation = await api.snapshots.begin(snapshot, 'rebuild');
  notices.follow(operation, rebuildWords(trans, reference), {
    then: ended => {
      if (isResult<IReproduction>(ended, 'reproducible')) {
        void showReproduction(trans, reference, ended.result);
      }
    }
  });
}

/** See whether a snapshot works, and show why where it does not. */
export async function verify(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const { api, notices, trans } = context;
  const { reference } = snapshot;
  const operation = await api.snapshots.begin(snapshot, 'verify');
  notices.follow(operation, verifyWords(trans, reference), {
    then: ended => {
      if (isResult<IVerification>(ended, 'verified')) {
        void showVerification(trans, reference, ended.result);
      }
    }
  });
}

/** Show what the last verification of a snapshot wrote. */
export async function showVerificationLog(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const { api, trans } = context;
  const title = trans.__('Verification of %1', snapshot.reference);
  await showText(trans, title, await api.snapshots.verificationLog(snapshot));
}

function isResult<T>(
  operation: IOperation,
  field: keyof T & string
): operation is IOperation & { readonly result: T } {
  const { result } = operation;
  return typeof result === 'object' && result !== null && field in result;
}
