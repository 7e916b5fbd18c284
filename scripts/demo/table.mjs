const WIDTHS = [17, 14, 26, 30, 22];

/** One line of the tour. */
export function row({ id, strategy, tool, seen, ok, outcome = 'ok', times, answer }) {
  const took = times.map((time) => `${time.toFixed(0)} ms`).join(' / ');
  const line = columns([id, strategy, tool, seen, ok ? outcome : 'FAILED', took]);
  return ok ? line : `${line}  ${answer}`;
}

export const heading = (eras) => columns(['member', 'strategy', 'tool', 'the service saw', 'result', eras.join(' / ')]);

function columns(cells) {
  return cells
    .map((cell, index) => cell.padEnd(WIDTHS[index] ?? 0))
    .join(' ')
    .trimEnd();
}
