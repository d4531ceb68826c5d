import * as React from 'react';

import type { WorkspaceApi } from '../api';
import { Problem } from '../dialogs/fields';
import type { IImage } from '../models';
import { titleOf } from '../operationText';
import type { WorkspaceStore } from '../store';
import type { IContext, Run } from '../tokens';
import { CommandIDs } from '../tokens';
import { useFetched } from './fetched';
import { ImageRow } from './image';
import { OperationBar } from './operation';

const KINDS = ['build', 'pull', 'push'];

/** The images to launch from, what is being made of them, and how to get more. */
export function Images(props: {
  readonly context: IContext;
  readonly run: Run;
}): React.ReactElement {
  const { context, run } = props;
  const { store, trans } = context;
  const { value, problem } = useFetched(context, listImages, ended(store));
  const images = value ?? [];
  const running = [...store.operations.values()].filter(
    operation => operation.state === 'running' && KINDS.includes(operation.kind)
  );
  const others = running.filter(
    operation => !images.some(image => image.reference === operation.target)
  );
  return (
    <>
      <Problem text={problem} />
      {!value && !problem && <p className="wl-Empty">{trans.__('Loading…')}</p>}
      {others.map(operation => (
        <div key={operation.id} className="wl-Row">
          <div className="wl-Row-name">{titleOf(operation, trans)}</div>
          <OperationBar
            operation={operation}
            trans={trans}
            run={run}
            details={trans.__('Details')}
          />
        </div>
      ))}
      <ul className="wl-List" aria-label={trans.__('Images')}>
        {images.map(image => (
          <ImageRow
            key={image.reference}
            image={image}
            operations={running}
            trans={trans}
            run={run}
          />
        ))}
      </ul>
      <div className="wl-Actions">
        <button
          className="wl-Button"
          onClick={() => {
            run(CommandIDs.pullImage);
          }}
        >
          {trans.__('Pull image…')}
        </button>
      </div>
    </>
  );
}

async function listImages(api: WorkspaceApi): Promise<IImage[]> {
  const images = await api.images();
  return images.filter(image => image.kind !== 'snapshot');
}

/** Changes when an operation that can change images has ended. */
function ended(store: WorkspaceStore): string {
  return [...store.operations.values()]
    .filter(({ kind, state }) => state !== 'running' && KINDS.includes(kind))
    .map(operation => operation.id)
    .join();
}
