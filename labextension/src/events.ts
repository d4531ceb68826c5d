/** One event of a `text/event-stream`. */
export interface IServerEvent {
  readonly name: string;
  readonly data: string;
}

/**
 * The events of a stream, as they come. `onLine` hears every line, keep-alive comments included.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  onLine: (line: string) => void
): AsyncGenerator<IServerEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let name = '';
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      rest += decoder.decode(value, { stream: true });
      // A lone CR at the end may be the first half of a CRLF: leave it for the next round.
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        onLine(line);
        if (line === '') {
          if (data.length > 0) {
            yield { name: name || 'message', data: data.join('\n') };
          }
          name = '';
          data = [];
          continue;
        }
        const colon = line.indexOf(':');
        const field = colon < 0 ? line : line.slice(0, colon);
        const content =
          colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (field === 'event') {
          name = content;
        } else if (field === 'data') {
          data.push(content);
        }
      }
    }
  } finally {
    // Ends the connection too where the reader of the events left early.
    await reader.cancel().catch(() => undefined);
  }
}
