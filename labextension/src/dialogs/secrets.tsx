import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IChoices } from '../changes';
import { choose, decide, isExcluded } from '../changes';

export interface ISecretsProps {
  /** The paths, and why each looks like one. */
  readonly rules: ReadonlyMap<string, readonly string[]>;
  readonly trans: TranslationBundle;
  readonly choices: IChoices;
  readonly onChange: (choices: IChoices) => void;
}

/** What looks like secrets: the user says of each whether it is kept. */
export function Secrets(props: ISecretsProps): React.ReactElement {
  const { rules, trans, choices, onChange } = props;
  return (
    <fieldset className="wl-Secrets">
      <legend>{trans.__('These look like secrets')}</legend>
      <p className="wl-Secrets-lead">
        {trans.__(
          'Whoever gets the image can read what is kept: exclude or allow each.'
        )}
        {rules.size > 1 && (
          <button
            type="button"
            className="wl-Button"
            onClick={() => {
              onChange(choose(choices, [...rules.keys()], false));
            }}
          >
            {trans.__('Exclude all')}
          </button>
        )}
      </p>
      {[...rules].map(([path, found]) => (
        <Secret
          key={path}
          path={path}
          rule={found.join(', ')}
          trans={trans}
          choices={choices}
          onChange={onChange}
        />
      ))}
    </fieldset>
  );
}

interface ISecretProps {
  readonly path: string;
  readonly rule: string;
  readonly trans: TranslationBundle;
  readonly choices: IChoices;
  readonly onChange: (choices: IChoices) => void;
}

function Secret(props: ISecretProps): React.ReactElement {
  const { path, rule, trans, choices, onChange } = props;
  const name = React.useId();
  const { excluded, allowed } = choices;
  const out = isExcluded(path, excluded);
  // Its directory is left out: there is nothing to decide.
  const inherited = out && !excluded.includes(path);
  const answers = [
    [trans.__('Exclude'), false, out],
    [trans.__('Allow'), true, !out && allowed.includes(path)]
  ] as const;
  return (
    <div className="wl-Secret" role="radiogroup" aria-label={path}>
      <span className="wl-Secret-path">
        {path} <span className="wl-Field-hint">{rule.replace(/_/g, ' ')}</span>
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
              onChange(decide(choices, path, keep));
            }}
          />
          {label}
        </label>
      ))}
    </div>
  );
}
