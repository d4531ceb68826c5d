import { Clipboard } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { copyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Disclosure } from '../disclosure';
import type { IFinding } from '../models';
import type { IContext, Run } from '../tokens';
import { CommandIDs } from '../tokens';

/** Milliseconds for which a button says that it has copied. */
const SAID = 2000;

/** What is wrong with the server's machine, and the commands that mend it; nothing where nothing is. */
export function DoctorCard(props: {
  readonly context: IContext;
  readonly run: Run;
}): React.ReactElement | null {
  const { context, run } = props;
  const { doctor, trans } = context;
  const { problems, warnings } = doctor;
  if (problems.length === 0 && warnings.length === 0) {
    return null;
  }
  const urgent = problems.length > 0;
  const again = (
    <button
      className="wl-Button"
      disabled={doctor.examining}
      onClick={() => {
        run(CommandIDs.doctor);
      }}
    >
      {doctor.examining ? trans.__('Checking…') : trans.__('Check again')}
    </button>
  );
  return (
    <section
      className={`wl-Doctor${urgent ? ' wl-mod-problem' : ''}`}
      aria-label={trans.__('Doctor')}
    >
      {urgent && (
        <>
          <h3>{trans.__('This machine needs mending')}</h3>
          <Findings findings={problems} trans={trans} />
        </>
      )}
      {warnings.length > 0 && (
        <Disclosure
          label={trans._n('%1 warning', '%1 warnings', warnings.length)}
        >
          <Findings findings={warnings} trans={trans} />
          {!urgent && again}
        </Disclosure>
      )}
      {urgent && again}
    </section>
  );
}

function Findings(props: {
  readonly findings: readonly IFinding[];
  readonly trans: TranslationBundle;
}): React.ReactElement {
  const { findings, trans } = props;
  return (
    <ul className="wl-Findings">
      {findings.map(({ check, found, command }) => (
        <li key={`${check} ${found}`}>
          <strong>{check}</strong>: {found}
          {command && <Remedy command={command} trans={trans} />}
        </li>
      ))}
    </ul>
  );
}

/** A command to type in a shell. */
function Remedy(props: {
  readonly command: string;
  readonly trans: TranslationBundle;
}): React.ReactElement {
  const { command, trans } = props;
  const [copied, setCopied] = React.useState(false);
  React.useEffect(() => {
    if (copied) {
      const timer = window.setTimeout(() => {
        setCopied(false);
      }, SAID);
      return () => {
        window.clearTimeout(timer);
      };
    }
    return undefined;
  }, [copied]);
  return (
    <div className="wl-Remedy">
      <code>{command}</code>
      <button
        className="wl-Button"
        title={trans.__('Copy %1', command)}
        onClick={() => {
          Clipboard.copyToSystem(command);
          setCopied(true);
        }}
      >
        <copyIcon.react tag="span" className="wl-Button-icon" />
        {copied ? trans.__('Copied') : trans.__('Copy')}
      </button>
    </div>
  );
}
