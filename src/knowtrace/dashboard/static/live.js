// Hear of a student's answers as they are stored, and keep hearing of them.

const RETRY_MS = 4000;

/** Listen to a stream. `onOpen` follows every gap, `onLost` begins it, `onAnswer` gets each answer and `onRevision` what
 * became of an earlier one. */
export function listen(url, { onOpen, onLost, onAnswer, onRevision }) {
  const connect = () => {
    const source = new EventSource(url);
    source.addEventListener("open", onOpen);
    source.addEventListener("answer", (event) => onAnswer(JSON.parse(event.data)));
    source.addEventListener("revision", (event) => onRevision(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      onLost();
      // After an answer that is no stream, as from a service that is stopping, the browser gives up by itself.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS);
    });
  };
  connect();
}

/** Run `work` when called, never twice at once; calls during a run cause one more run after it. */
export function oneAtATime(work) {
  let isRunning = false;
  let isWanted = false;
  return async () => {
    isWanted = true;
    if (isRunning) return;
    isRunning = true;
    while (isWanted) {
      isWanted = false;
      await work();
    }
    isRunning = false;
  };
}
