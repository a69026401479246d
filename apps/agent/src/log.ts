/** Log lines: plain text with the time, on stderr. Callers never pass secrets; line breaks cannot forge a second line. */
export type Log = (line: string) => void;

export const logToStderr: Log = (line) => {
  process.stderr.write(`${new Date().toISOString()} ${line.replace(/[\r\n]+/g, ' | ')}\n`);
};
