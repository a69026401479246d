/** One line per event on stderr: time, area, message. Never a secret: callers pass ids, not tokens. */
export function logger(area: string): (message: string) => void {
  return (message) => {
    process.stderr.write(`${new Date().toISOString()} ${area}: ${message}\n`);
  };
}
