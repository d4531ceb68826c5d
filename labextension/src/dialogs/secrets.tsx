import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IChoices, IsOut } from '../changes';
import { decide } from '../changes';

export interface ISecretsProps {
  /** The paths, and why each looks like one. */
  readonly secrets: ReadonlyMap<string, readonly string[]>;
  readonly trans: TranslationBundle;
  readonly choices: IChoices;
  readonly isOut: IsOut;
  readonly onChange: (choices: IChoices) => void;
}

/** What looks like secrets: the user says of each whether it is kept. */
export function Secrets(props: ISecretsProps): React.ReactElement {
  const { secrets, trans, choices, isOut, onChange } = props;
  return (
    <fieldset className="wl-Secrets">
      <legend>{trans.__('These look like secrets')}</legend>
      <p className="wl-Secrets-lead">
        {trans.__(
          'Whoever gets the image can read what is kept: exclude or allow each.'
        )}
        {secrets.size > 1 && (
          <button
            type="button"
            className="wl-Button"
            onClick={() => {
              onChange(decide(choices, [...secrets.keys()], false));
            }}
          >
            {trans.__('Exclude all')}
          </button>
        )}
      </p>
      <div className="wl-Secrets-list">
        {[...secrets].map(([path, found]) => (
          <Secret
            key={path}
            path={path}
            reason={found.join(', ')}
            trans={trans}
            choices={choices}
            isOut={isOut}
            onChange={onChange}
          />
        ))}
      </div>
    </fieldset>
  );
}

interface ISecretProps {
  readonly path: string;
  readonly reason: string;
  readonly trans: TranslationBundle;
  readonly choices: IChoices;
  readonly isOut: IsOut;
  readonly onChange: (choices: IChoices) => void;
}

function Secret(props: ISecretProps): React.ReactElement {
  const { path, reason, trans, choices, isOut, onChange } = props;
  const name = React.useId();
  const { allowed, paths } = choices;
  const out = isOut(path);
  // Its directory is left out: there is nothing to decide.
  const inherited = out && !paths.includes(path);
  const answers = [
    [trans.__('Exclude'), false, out],
    [trans.__('Allow'), true, !out && allowed.includes(path)]
  ] as const;
  return (
    <div className="wl-Secret" role="radiogroup" aria-label={path}>
      <span className="wl-Secret-path">
        {path} <span className="wl-Field-hint">{reason}</span>
      </span>
      {answers.map(([label, keep, chosen]) => (
        <label key={label} className="wl-Check">
          <input
            type="radio"
            name={name}
            required={true}
            checked={chosen}
            disabled={inherited}
            onChange={() => {
              onChange(decide(choices, [path], keep));
            }}
          />
          {label}
        </label>
      ))}
    </div>
  );
}
