// What one process uses: memory now, CPU time so far, children. Linux only, from /proc: elsewhere the caller is told so.
import { readdirSync, readFileSync } from 'node:fs';

/** Resident memory in bytes. */
export function rssBytes(pid) {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}

/** CPU time of all its threads in ms (ns resolution), and of its ended children (10 ms resolution). */
export function cpuMs(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const own = threads.reduce((sum, thread) => sum + Number(schedstat(pid, thread).split(' ')[0]) / 1e6, 0);
  const fields = statFields(pid);
  return { own, children: (Number(fields[13]) + Number(fields[14])) * 10 };
}

/** Process ids of living children, and of whatever else belongs to the same process group. */
export function relatives(pid) {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== pid)
    .map(Number)
    .filter((other) => {
      try {
        const [, parent, group] = statFields(other);
        return Number(parent) === pid || Number(group) === pid;
      } catch {
        return false;
      }
    });
}

function schedstat(pid, thread) {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8');
  } catch {
    return '0'; // the thread has ended
  }
}

/** Fields of /proc/PID/stat from the state on: 0 state, 1 parent, 2 group, 13 and 14 CPU of children. */
function statFields(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
