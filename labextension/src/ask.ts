import { sentence } from './request';

/** Ask, and send what was entered, until the server takes it (its answer) or the user gives up (null). */
export async function askUntilTaken<T, R>(
  initial: T,
  ask: (values: T, problem: string) => Promise<T | null>,
  send: (values: T) => Promise<R>
): Promise<R | null> {
  let values = initial;
  let problem = '';
  for (;;) {
    const entered = await ask(values, problem);
    if (entered === null) {
      return null;
    }
    try {
      return await send(entered);
    } catch (error) {
      values = entered;
      problem = sentence(error);
    }
  }
}
