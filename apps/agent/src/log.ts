/** Log lines: plain text with the time, on stderr or in a file (log-file.ts). Callers never pass secrets; line breaks cannot forge a second line. */
export type Log = (line: string) => void;

export const logToStderr: Log = (line) => {
  process.stderr.write(logLine(line));
};

export function logLine(line: string): string {
  return `${new Date().toISOString()} ${line.replace(/[\r\n]+/g, ' | ')}\n`;
}
