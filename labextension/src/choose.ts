import { InputDialog } from '@jupyterlab/apputils';

/** Ask for one of several things by name; undefined where the user thinks better of it. */
export async function choose<T>(
  items: readonly T[],
  nameOf: (item: T) => string,
  title: string,
  okLabel: string
): Promise<T | undefined> {
  const result = await InputDialog.getItem({
    title,
    okLabel,
    items: items.map(nameOf)
  });
  return items.find(item => nameOf(item) === result.value);
}
