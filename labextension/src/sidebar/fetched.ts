import * as React from 'react';

import type { WorkspaceApi } from '../api';
import { sentence } from '../request';
import type { WorkspaceStore } from '../store';
import type { IContext } from '../tokens';

export interface IFetched<T> {
  /** Null until the server has answered. */
  readonly value: T | null;
  /** Why there is no newer one. */
  readonly problem: string;
}

/**
 * What the server is asked for when somebody looks, and again when `key` changes, this page has changed something, or
 * the engine has come back.
 *
 * `fetch` must be the same function each time.
 */
export function useFetched<T>(
  context: IContext,
  fetch: (api: WorkspaceApi) => Promise<T>,
  key: string
): IFetched<T> {
  const { api, store } = context;
  const [fetched, setFetched] = React.useState<IFetched<T>>({
    value: null,
    problem: ''
  });
  const whole = `${key} ${stateOf(store)}`;
  React.useEffect(() => {
    let current = true;
    fetch(api).then(
      value => {
        if (current) {
          setFetched({ value, problem: '' });
        }
      },
      (error: unknown) => {
        if (current) {
          setFetched(before => ({ ...before, problem: sentence(error) }));
        }
      }
    );
    return () => {
      current = false;
    };
  }, [api, fetch, whole]);
  return fetched;
}

function stateOf(store: WorkspaceStore): string {
  return `${store.revision} ${store.connection} ${store.engine.reachable}`;
}
