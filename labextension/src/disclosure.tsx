import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

export interface IDisclosureProps {
  readonly label: string;
  /** Whether it is open at first. */
  readonly open?: boolean;
  /** Whether the label is a heading. */
  readonly heading?: boolean;
  readonly children: React.ReactNode;
}

/** A button that shows what belongs to it, and hides it again. What is hidden is not there. */
export function Disclosure(props: IDisclosureProps): React.ReactElement {
  const [open, setOpen] = React.useState(props.open ?? false);
  const id = React.useId();
  const Caret = open ? caretDownIcon : caretRightIcon;
  const button = (
    <button
      type="button"
      className="wl-Disclosure"
      aria-expanded={open}
      aria-controls={open ? id : undefined}
      onClick={() => {
        setOpen(!open);
      }}
    >
      <Caret.react tag="span" className="wl-Button-icon" />
      {props.label}
    </button>
  );
  return (
    <>
      {props.heading ? <h3>{button}</h3> : button}
      {open && <div id={id}>{props.children}</div>}
    </>
  );
}
