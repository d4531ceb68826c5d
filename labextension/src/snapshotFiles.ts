import type { ISnapshot } from './models';
import { whileTelling } from './progress';
import type { IContext } from './tokens';

/** Have the browser save what makes a snapshot again; the server reads images for it, which takes a while. */
export async function downloadRecipe(
  context: IContext,
  snapshot: ISnapshot
): Promise<void> {
  const { api, trans } = context;
  const { reference } = snapshot;
  const zip = await whileTelling(
    trans.__('Writing the recipe of %1…', reference),
    api.snapshots.recipe(snapshot)
  );
  const address = URL.createObjectURL(zip);
  download(address, `${fileName(reference)}-recipe.zip`);
  URL.revokeObjectURL(address);
}

/** Have the browser save a snapshot, for a machine that shares no registry with this one. */
export function exportSnapshot(context: IContext, snapshot: ISnapshot): void {
  const { api, notices, trans } = context;
  const { reference } = snapshot;
  // Gigabytes, perhaps: the browser takes them to the disk by itself.
  const name = `${fileName(reference)}.tar`;
  download(api.snapshots.exportAddress(snapshot), name);
  notices.success(trans.__('The browser downloads %1 as %2.', reference, name));
}

function download(address: string, name: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
}

/** As the server calls such a file: by the snapshot's name and tag. */
function fileName(reference: string): string {
  return reference.slice(reference.indexOf('/') + 1).replace(':', '-');
}
