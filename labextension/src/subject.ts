import type { ICommandPalette } from '@jupyterlab/apputils';

import { choose } from './choose';
import type { IContext } from './tokens';

/** Something that a command is about: what there is, what names it, and what is done. */
export interface ISubject<T> {
  readonly id: string;
  readonly label: string;
  readonly ok: string;
  /** The argument that names one; without it the user is asked. */
  readonly argument: string;
  readonly list: () => Promise<readonly T[]> | readonly T[];
  readonly key: (item: T) => string;
  readonly name: (item: T) => string;
  readonly act: (item: T) => Promise<void> | void;
}

/** Add a command on one of several things, and an entry of the palette that asks which. */
export function addSubjectCommand<T>(
  context: IContext,
  palette: ICommandPalette | null,
  subject: ISubject<T>
): void {
  const { commands, notices, trans } = context;
  const { id, argument, key, label, name, ok } = subject;
  commands.addCommand(id, {
    // Where it is said which one, the rest is seen beside it.
    label: args => (argument in args ? ok : trans.__('%1…', label)),
    isVisible: args => {
      const items = argument in args ? subject.list() : null;
      return (
        !Array.isArray(items) ||
        items.some((item: T) => key(item) === args[argument])
      );
    },
    execute: async args => {
      try {
        const items = await subject.list();
        const item =
          argument in args
            ? items.find(one => key(one) === args[argument])
            : await choose(items, name, label, ok);
        if (item !== undefined) {
          await subject.act(item);
        }
      } catch (error) {
        // A menu and the palette say nothing.
        notices.problem(error);
      }
    }
  });
  palette?.addItem({ command: id, category: trans.__('Workspaces') });
}
