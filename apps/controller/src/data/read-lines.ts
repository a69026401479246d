import { Problem } from '../common/problem.ts';

/** Lines of a stream, without their ends. Refuses a line above `bytesMax` and a last line without an end: it was cut off. */
export async function* readLines(source: AsyncIterable<Buffer>, bytesMax: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      yield Buffer.concat([...parts, chunk.subarray(from, end)]);
      from = end + 1;
      parts = [];
      bytes = 0;
    }
    parts.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > bytesMax) throw new Problem('PAYLOAD_TOO_LARGE', `a line is longer than ${bytesMax} bytes`);
  }
  if (bytes > 0) throw new Problem('CONFLICT', 'the file ends in the middle of a line: it was cut off');
}
