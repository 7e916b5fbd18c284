/** Of the processor's time, those of helping threads added: what a machine that does nothing else would take at most. */
const SLOW_MS = 5_000;
const MOST_GROWTH = 50 * 1024 * 1024;
const LEAST_SHARE = 0.99;
const SHOWN_SLOWEST = 10;

/** What the results say in all: those of `importAll`, and of `importAsYaml`. */
export function summaryOf(results, { memory, asYaml }) {
  const withOutcome = (outcome) => results.filter((result) => result.outcome === outcome);
  const imported = withOutcome('imported');
  const slow = results.filter(({ cpu }) => cpu > SLOW_MS);
  const growth = Math.max(0, ...memory.map(({ before, after }) => after - before));
  const refusedAsYaml = asYaml.filter(({ outcome }) => outcome === 'refused');
  const failed = [...withOutcome('crashed'), ...withOutcome('hung')];
  return {
    documents: results.length,
    imported: imported.length,
    refused: withOutcome('refused'),
    slow,
    failed,
    empty: imported.filter(({ operations }) => operations === 0),
    operations: sum(imported.map(({ operations }) => operations)),
    leftOut: leftOut(imported),
    delays: results.map(({ delay = 0 }) => delay).sort((one, other) => one - other),
    slowest: results.toSorted((one, other) => (other.cpu ?? 0) - (one.cpu ?? 0)).slice(0, SHOWN_SLOWEST),
    memory,
    growth,
    asYaml,
    refusedAsYaml,
    otherAsYaml: asYaml.filter((one) => !one.isSame && !refusedAsYaml.includes(one)),
    isGood:
      failed.length + slow.length === 0 &&
      imported.length >= results.length * LEAST_SHARE &&
      growth <= MOST_GROWTH &&
      asYaml.every((one) => one.isSame || refusedAsYaml.includes(one)) &&
      refusedAsYaml.length <= asYaml.length * (1 - LEAST_SHARE) &&
      withOutcome('refused').every(({ code, reason }) => Boolean(code && reason)),
  };
}

/** Operations that did not become tools, by reason: how many, in how many documents. The most frequent first. */
function leftOut(imported) {
  const byReason = new Map();
  for (const { file, skipped } of imported) {
    for (const { reason } of skipped) {
      // What is quoted names something of one document.
      const kind = reason.replaceAll(/"[^"]*"/g, '"…"').replaceAll(/\b\d+\b/g, 'N');
      const entry = byReason.get(kind) ?? { operations: 0, files: new Set() };
      entry.operations++;
      entry.files.add(file);
      byReason.set(kind, entry);
    }
  }
  return [...byReason]
    .map(([reason, { operations, files }]) => ({ reason, operations, documents: files.size }))
    .sort((one, other) => other.operations - one.operations);
}

/** The summary as a page of Markdown, and for the terminal. */
export function written(summary, { name, processes }) {
  const { documents, imported, refused, slow, failed, operations, empty } = summary;
  const skipped = sum(summary.leftOut.map((entry) => entry.operations));
  return [
    `${name}, ${processes} processes at once, Node ${process.versions.node.split('.')[0]}.`,
    table(
      ['documents', '', ''],
      [
        ['all', documents, ''],
        ['imported', imported, share(imported, documents)],
        ['refused with a reason', refused.length, share(refused.length, documents)],
        [`over ${SLOW_MS / 1000} s of the processor`, slow.length, ''],
        ['crashed or hung', failed.length, ''],
      ],
    ),
    table(
      ['operations', '', ''],
      [
        ['became tools', operations, share(operations, operations + skipped)],
        ['left out', skipped, share(skipped, operations + skipped)],
        ['documents without a single tool', empty.length, ''],
      ],
    ),
    ...section('As YAML too', ['documents', '', ''], asYamlRows(summary)),
    ...section(
      'Failed',
      ['document', 'what happened'],
      failed.map(({ file, reason }) => [file, reason]),
    ),
    ...section(
      'Refused',
      ['document', 'reason'],
      refused.map(({ file, reason }) => [file, reason]),
    ),
    ...section(
      'Refused as YAML',
      ['document', 'reason'],
      summary.refusedAsYaml.map(({ file, reason }) => [file, reason]),
    ),
    ...section(
      'Others as YAML',
      ['document', 'what happened'],
      summary.otherAsYaml.map(({ file, outcome, reason = 'other operations' }) => [file, `${outcome}: ${reason}`]),
    ),
    ...section(
      'Operations left out',
      ['reason', 'operations', 'documents'],
      summary.leftOut.map((entry) => [entry.reason, entry.operations, entry.documents]),
    ),
    ...section(
      'Slowest',
      ['document', 'ms of the processor', 'ms'],
      summary.slowest.map(({ file, cpu = 0, ms }) => [file, cpu.toFixed(0), ms.toFixed(0)]),
    ),
    ...section(
      'Longest wait for the event loop while a document is imported, ms',
      ['half of the documents', '99 %', 'all'],
      [[0.5, 0.99, 1].map((part) => `at most ${Math.ceil(quantile(summary.delays, part))}`)],
    ),
    ...section(
      'Memory of the processes, MiB',
      ['', 'after the first documents', 'at the end', 'growth'],
      summary.memory.map(({ before, after }, at) => [at + 1, mib(before), mib(after), mib(after - before)]),
    ),
  ].join('\n');
}

function asYamlRows({ asYaml, refusedAsYaml, otherAsYaml }) {
  const same = asYaml.length - refusedAsYaml.length - otherAsYaml.length;
  return asYaml.length === 0
    ? []
    : [
        ['the same operations', same, share(same, asYaml.length)],
        ['refused with a reason', refusedAsYaml.length, share(refusedAsYaml.length, asYaml.length)],
        ['other operations, crashed or hung', otherAsYaml.length, ''],
      ];
}

function section(title, head, rows) {
  return rows.length === 0 ? [] : [`### ${title}\n`, table(head, rows)];
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => `${cell}`.replaceAll('|', '\\|')).join(' | ')} |`;
  return ['', line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n').slice(1);
}

const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
const sum = (numbers) => numbers.reduce((one, other) => one + other, 0);
const share = (part, whole) => (whole === 0 ? '' : `${((100 * part) / whole).toFixed(2)} %`);
const mib = (bytes) => (bytes / 1024 / 1024).toFixed(0);
