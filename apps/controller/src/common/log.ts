/** An event on stderr: time, area, message; what follows its first line stands in. Never a secret: callers pass ids, not tokens. */
export function logger(area: string): (message: string) => void {
  return (message) => {
    process.stderr.write(`${new Date().toISOString()} ${area}: ${shown(message)}\n`);
  };
}

/** A message may quote what a Mac or a stranger sent: it must not look like another event, nor speak to a terminal. */
function shown(message: string): string {
  return message.replace(/\s*\n\s*/g, '\n    ').replace(/[^\P{Cc}\n\t]/gu, '\uFFFD');
}
