import { ReactWidget } from '@jupyterlab/apputils';
import type * as React from 'react';

/** A dialog body that keeps what is typed into it. */
export class Form<T extends object> extends ReactWidget {
  constructor(
    initial: T,
    private readonly _renderForm: (
      values: T,
      change: (change: Partial<T>) => void
    ) => React.ReactElement
  ) {
    super();
    this.addClass('wl-Form');
    this._values = { ...initial };
  }

  getValue(): T {
    return this._values;
  }

  protected override render(): React.ReactElement {
    return this._renderForm(this._values, change => {
      this._values = { ...this._values, ...change };
      this.update();
    });
  }

  private _values: T;
}
