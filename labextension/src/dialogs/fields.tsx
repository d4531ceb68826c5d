import * as React from 'react';

export interface IFieldProps {
  readonly id: string;
  readonly label: string;
  readonly hint?: string;
  readonly children: React.ReactElement;
}

/** A label, its control (which must have the same `id`) and a hint. */
export function Field(props: IFieldProps): React.ReactElement {
  return (
    <div className="wl-Field">
      <label htmlFor={props.id}>{props.label}</label>
      <div className="wl-Field-control">
        {props.children}
        {props.hint && (
          <span className="wl-Field-hint" id={`${props.id}-hint`}>
            {props.hint}
          </span>
        )}
      </div>
    </div>
  );
}

export interface ITextFieldProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly hint?: string;
  readonly disabled?: boolean;
  /** Not shown as it is typed, and not kept by the browser. */
  readonly secret?: boolean;
  readonly onChange: (value: string) => void;
}

export function TextField(props: ITextFieldProps): React.ReactElement {
  return (
    <Field id={props.id} label={props.label} hint={props.hint}>
      <input
        id={props.id}
        className="jp-mod-styled"
        type={props.secret ? 'password' : 'text'}
        autoComplete={props.secret ? 'new-password' : 'off'}
        spellCheck={false}
        value={props.value}
        placeholder={props.placeholder}
        disabled={props.disabled}
        aria-describedby={props.hint ? `${props.id}-hint` : undefined}
        onChange={event => {
          props.onChange(event.target.value);
        }}
      />
    </Field>
  );
}

/** What the server refused the last time, above the fields. */
export function Problem(props: {
  readonly text: string;
}): React.ReactElement | null {
  return props.text ? (
    <p className="wl-Problem" role="alert">
      {props.text}
    </p>
  ) : null;
}
