import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

export interface IRowsProps<T> {
  readonly trans: TranslationBundle;
  readonly title: string;
  readonly hint?: string;
  /** What a row is, for screen readers: `Volume`. */
  readonly one: string;
  /** The button that adds a row. */
  readonly add: string;
  /** A row in which nothing has been typed. */
  readonly empty: T;
  readonly rows: readonly T[];
  readonly onChange: (rows: readonly T[]) => void;
  readonly children: (
    row: T,
    change: (change: Partial<T>) => void
  ) => React.ReactElement;
}

/** A list that grows and shrinks by rows. */
export function Rows<T extends object>(
  props: IRowsProps<T>
): React.ReactElement {
  const { trans, rows, one, onChange } = props;
  const adder = React.useRef<HTMLButtonElement>(null);
  const list = React.useRef<HTMLDivElement>(null);
  const grown = React.useRef(false);

  React.useEffect(() => {
    if (grown.current) {
      grown.current = false;
      const last = list.current?.lastElementChild;
      last?.querySelector<HTMLElement>('input, select')?.focus();
    }
  }, [rows.length]);

  return (
    <fieldset className="wl-Rows">
      <legend>{props.title}</legend>
      <div ref={list}>
        {rows.map((row, index) => (
          <div
            key={index}
            className="wl-Rows-row"
            role="group"
            aria-label={`${one} ${index + 1}`}
          >
            {props.children(row, change => {
              onChange(
                rows.map(old => (old === row ? { ...row, ...change } : old))
              );
            })}
            <button
              type="button"
              className="wl-Button wl-mod-icon"
              title={trans.__('Remove this row')}
              aria-label={trans.__('Remove this row')}
              onClick={() => {
                onChange(rows.filter(other => other !== row));
                // What had the focus goes.
                adder.current?.focus();
              }}
            >
              <closeIcon.react tag="span" className="wl-Button-icon" />
            </button>
          </div>
        ))}
      </div>
      <div className="wl-Rows-foot">
        <button
          ref={adder}
          type="button"
          className="wl-Button"
          onClick={() => {
            grown.current = true;
            onChange([...rows, { ...props.empty }]);
          }}
        >
          {props.add}
        </button>
        {props.hint && <span className="wl-Field-hint">{props.hint}</span>}
      </div>
    </fieldset>
  );
}

export interface ICellProps {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  /** What it can be, to choose from; other texts can be typed. */
  readonly choices?: readonly string[];
  readonly onChange: (value: string) => void;
}

/** A text field in a row. */
export function Cell(props: ICellProps): React.ReactElement {
  const id = React.useId();
  return (
    <>
      <input
        className="jp-mod-styled"
        type="text"
        autoComplete="off"
        spellCheck={false}
        aria-label={props.label}
        placeholder={props.placeholder ?? props.label}
        value={props.value}
        list={props.choices && id}
        onChange={event => {
          props.onChange(event.target.value);
        }}
      />
      {props.choices && (
        <datalist id={id}>
          {props.choices.map(choice => (
            <option key={choice} value={choice} />
          ))}
        </datalist>
      )}
    </>
  );
}
