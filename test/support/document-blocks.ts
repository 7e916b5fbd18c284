/** A fenced block of a document. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** Of the document, counted from 1. */
  readonly line: number;
  /** The heading of the second level that it stands below; empty above the first one. */
  readonly section: string;
}

export function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(({ 1: language = '', 2: text = '', index }) => {
    const before = markdown.slice(0, index);
    const section = [...before.matchAll(/^## (.+)$/gm)].at(-1)?.[1] ?? '';
    return { language, text, line: before.split('\n').length, section };
  });
}

/** What the block says is answered: the lines of the `text` block that follows it. */
export function answerOf(block: Block, blocks: readonly Block[]): readonly string[] {
  const answer = blocks[blocks.indexOf(block) + 1];
  return answer?.language === 'text' ? answer.text.trim().split('\n') : [];
}
