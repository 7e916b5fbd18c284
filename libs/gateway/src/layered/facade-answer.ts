import type { Facade, FacadeTool } from '#registry';
import type { Question } from './facade-question.js';
import { USAGE, discovered, slim, suggestionsFor } from './discovery.js';
import type { HiddenTools } from './hidden-tools.js';
import { failureOf } from './told-results.js';

/** What is answered to a question about the services of a layered member. */
export interface FacadeAnswer {
  readonly value: object;
  /** It says what is wrong with the question. */
  readonly isFault: boolean;
}

interface Asked {
  readonly tool: FacadeTool;
  readonly of: Facade['of'];
  readonly question: Question;
}

/** Names of all tools are given to whoever asks for one that is not there, as long as these are few. */
const FEW = 40;
const MAX_NAME = 128;

/** Answers from what is open to the caller, and asks nobody. */
export async function facadeAnswer(list: HiddenTools, { tool, of, question }: Asked): Promise<FacadeAnswer> {
  const { name, wish, fault } = question;
  if (fault !== undefined) {
    const isCall = tool === 'make_tool_call' && name !== undefined;
    return { value: isCall ? failureOf({ of, name }, fault) : { error: fault, usage: USAGE }, isFault: true };
  }
  if (name === undefined) return { value: await discovered(list, wish), isFault: false };
  const service = list.find(name);
  if (!service) return { value: await unknown(list, of, name), isFault: true };
  if (tool === 'get_type_info') return { value: list.detailOf(service), isFault: false };
  const { facts } = service;
  const value = { service: facts.name, ...slim(facts), description: facts.description, usage: USAGE };
  return { value, isFault: false };
}

async function unknown(list: HiddenTools, of: Facade['of'], name: string): Promise<object> {
  const suggestions = await suggestionsFor(list, name);
  const usage = USAGE;
  if (of === 'services') return { error: `Service '${name.slice(0, MAX_NAME)}' not found`, suggestions, usage };
  const all = list.all.map(({ facts }) => facts.name);
  const available = all.length <= FEW ? all : suggestions;
  return { error: `Tool '${name.slice(0, MAX_NAME)}' not found`, available_tools: available, usage };
}
