import { type Member, MemberSlot, type ToolDesk } from '#builder';
import { offerOf } from '#builder/testing';
import { serverId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { type FacadeTool, serverConfigSchema } from '#registry';
import { describe, expect, it } from '@jest/globals';
import { entriesOf, hiddenToolsOf } from '../catalog/catalog-entry.js';
import { facadeAnswer } from './facade-answer.js';
import { questionIn } from './facade-question.js';
import { SearchIndex, termsOf } from './search-index.js';
import { HiddenTools } from './hidden-tools.js';

const log = Log.open({ level: 'error', format: 'json' }, new SecretValues(), () => undefined);

function slotWith(tools: readonly object[], more: object = {}): MemberSlot {
  const config = serverConfigSchema.parse({
    id: 'm',
    type: 'http',
    endpoint: 'http://127.0.0.1',
    layered: true,
    ...more,
  });
  const slot = new MemberSlot({ tenantId: tenantId('acme'), serverId: serverId('m') }, config, log);
  slot.offer = offerOf({ tools: tools.map((tool) => JSON.stringify(tool)) });
  return slot;
}
const listOf = (tools: readonly object[], more: object = {}) => {
  const slot = slotWith(tools, more);
  return new HiddenTools(slot, hiddenToolsOf(slot));
};
const tool = (name: string, description = '', tags: readonly string[] = []) => ({
  name,
  description,
  inputSchema: { type: 'object' },
  ...(tags.length > 0 ? { _meta: { _fastmcp: { tags } } } : {}),
});
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read into it without declaring every shape
type Answer = any;
const asked = async (list: HiddenTools, args: unknown = {}): Promise<Answer> => {
  const question = questionIn({ tool: 'get_service_info', of: 'tools' }, args);
  return (await facadeAnswer(list, { tool: 'get_service_info', of: 'tools', question })).value;
};
const many = (count: number) =>
  Array.from({ length: count }, (_, at) => tool(`area${at % 3}_tool${at}`, 'x'.repeat(300)));

describe('termsOf', () => {
  it.each([
    ['getPetByID', ['get', 'pet', 'by', 'id']],
    ['HTTPServer2Config', ['http', 'server', 'config', 'httpserver2config', 'server2']],
    ['list-for_org/a b', ['list', 'for', 'org']],
    ['Größe ändern', ['größe', 'ändern']],
    ['v1 2024', ['2024', 'v1']],
    ['the lists of S3', ['the', 'lists', 'of', 's3']],
    ['listS3Buckets', ['list', 'buckets', 'lists3buckets', 's3']],
    ['K8s getB2BOrders', ['get', 'orders', 'k8s', 'getb2borders', 'b2b']],
    ['OAuth2 base_64 x 7', ['auth', 'base', '64', 'oauth2', 'auth2']],
    ['猫', ['猫']],
    ['用户', ['用户']],
    ['取得用户列表 S3バケット', ['取得', '得用', '用户', '户列', '列表', 'バケ', 'ケッ', 'ット', 's3']],
    ['ユーザー 사용자', ['ユー', 'ーザ', 'ザー', '사용', '용자']],
    ['𠮷野家', ['𠮷野', '野家']],
  ])('takes %s apart', (text, terms) => {
    expect(termsOf(text)).toEqual(terms);
  });
});

describe('get_service_info', () => {
  it('lists up to forty services, and gives names, groups and tags of more', async () => {
    const few = await asked(listOf(many(40)));
    expect(few).toMatchObject({ mode: 'list', total_services: 40, total_matched: 40 });
    expect(few.matches).toHaveLength(40);
    expect(few.matches[0].summary).toHaveLength(200);
    const more = await asked(listOf([...many(40), tool('other', '', ['a'])]));
    expect(more).toMatchObject({ mode: 'overview', total_services: 41, tags: [{ name: 'a', count: 1 }] });
    expect(more.names).toHaveLength(41);
    expect(more.groups).toEqual([
      { name: 'area0', count: 14 },
      { name: 'area1', count: 13 },
      { name: 'area2', count: 13 },
      { name: 'other', count: 1 },
    ]);
    expect(more).not.toHaveProperty('matches');
  });

  it('gives twenty matches unless it is told otherwise, and fifty at most', async () => {
    const list = listOf(many(60));
    const counts = [undefined, 5, 0, 50, 1_000, 'many'].map(async (limit) => {
      const { matches, total_matched } = await asked(list, { query: 'area', limit });
      expect(total_matched).toBe(60);
      return matches.length as number;
    });
    expect(await Promise.all(counts)).toEqual([20, 5, 1, 50, 50, 20]);
    expect((await asked(list, { query: 'area', limit: 99 })).limit).toBe(50);
  });

  it('ranks what says more of a query before what says less, and what is rare before what is common', async () => {
    const list = listOf([
      tool('create_user', 'Creates a user.'),
      tool('delete_user', 'Deletes a user.'),
      tool('get_user', 'Gets a user. Users are people who may sign in, and so on, in many more words than needed.'),
      tool('list_invoices', 'Lists what is to be paid.', ['Billing']),
    ]);
    const names = async (args: object) => (await asked(list, args)).matches.map(({ name }: Answer) => name);
    expect((await names({ query: 'delete the user' }))[0]).toBe('delete_user');
    expect(await names({ query: 'invoices' })).toEqual(['list_invoices']);
    expect(await names({ query: 'billing' })).toEqual(['list_invoices']);
    expect(await names({ tags: 'billing, other' })).toEqual(['list_invoices']);
    expect(await names({ query: 'user', tags: ['billing'] })).toEqual([]);
    // Where no word fits: what begins alike, or is written a little otherwise.
    expect((await names({ query: 'invoic' }))[0]).toBe('list_invoices');
    expect((await names({ query: 'delte' }))[0]).toBe('delete_user');
  });

  it('says so where nothing fits, and which names there are', async () => {
    const none = await asked(listOf(many(2)), { query: 'zebra', tags: ['Stripes'] });
    expect(none).toMatchObject({
      no_matches: true,
      matches: [],
      mode: 'search',
      query: 'zebra',
      tags_filter: ['stripes'],
    });
    expect(none.names).toEqual(['area0_tool0', 'area1_tool1']);
    expect(await asked(listOf(many(2)), { query: '?!' })).toMatchObject({ no_matches: true });
  });

  it('tells of one by its name, and of a name that is not there names that are', async () => {
    const list = listOf(many(60));
    expect(await asked(list, { tool_name: 'area1_tool1' })).toMatchObject({ name: 'area1_tool1' });
    const unknown = await asked(list, { service: 'area1_tool' });
    expect(unknown).toMatchObject({ error: "Tool 'area1_tool' not found" });
    expect(unknown.available_tools).toHaveLength(10);
    expect((await asked(listOf(many(3)), { service: 'no' })).available_tools).toHaveLength(3);
    for (const args of [[], 7, { service: 7 }])
      expect(await asked(list, args)).toMatchObject({ error: expect.any(String) });
  });

  it('tells of operations in the words that were chosen for them, and finds them by these', async () => {
    const said = (own: string) => ({ name: `api/${own}`, summary: 'Sends.', description: 'Sends it.', tags: [] });
    const desk: ToolDesk = {
      factsOf: said,
      detailOf: (own) => ({ service: `api/${own}`, summary: 'Sends.', description: 'Sends it.', parameters: [] }),
    };
    const slot = slotWith([tool('send', 'Sends it.'), tool('other')], {
      tools_description: { m_send: 'Bills people.' },
    });
    slot.member = { desk } as unknown as Member;
    const list = new HiddenTools(slot, hiddenToolsOf(slot));
    const ask = async (tool: FacadeTool, args: object): Promise<Answer> => {
      const question = questionIn({ tool, of: 'services' }, args);
      return (await facadeAnswer(list, { tool, of: 'services', question })).value;
    };
    const words = { summary: 'Bills people.', description: 'Bills people.' };
    expect(await ask('get_type_info', { service: 'api/send' })).toEqual({
      service: 'api/send',
      ...words,
      parameters: [],
    });
    expect(await ask('get_service_info', { service: 'api/send' })).toMatchObject(words);
    const { matches } = await ask('get_service_info', { query: 'bill' });
    expect(matches).toMatchObject([{ name: 'api/send', summary: 'Bills people.' }]);
    expect(await ask('get_type_info', { service: 'api/other' })).toMatchObject({ description: 'Sends it.' });
  });

  it('leaves out what is disabled, and the three with it when nothing is left', async () => {
    const tools = [tool('a_one'), tool('constructor'), tool('make_tool_call')];
    const list = listOf(tools, { disabled_tools: ['m_a_one'] });
    expect((await asked(list)).matches.map(({ name }: Answer) => name)).toEqual(['constructor', 'make_tool_call']);
    expect(list.find('a_one')).toBeUndefined();
    expect(list.find('toString')).toBeUndefined();
    const names = (slot: MemberSlot) => entriesOf(slot, 'tools').map(({ name }) => name);
    expect(names(slotWith(tools))).toEqual(['m_get_service_info', 'm_get_type_info', 'm_make_tool_call']);
    expect(names(slotWith([tool('a')], { disabled_tools: ['a'] }))).toEqual([]);
    expect(names(slotWith([tool('a')], { layered: false }))).toEqual(['m_a']);
  });
});

describe('SearchIndex', () => {
  it('compares a few words of a query with words that are alike, and not all of a long one', async () => {
    const index = await SearchIndex.of([{ name: 'warehouse', summary: '', description: '', tags: [] }]);
    const found = (query: string) => index.matches(query, () => true).length;
    const strange = ['qqaa', 'qqbb', 'qqcc', 'qqdd', 'qqee', 'qqff'];
    expect(found([...strange.slice(1), 'warehose'].join(' '))).toBe(1);
    expect(found([...strange, 'warehose'].join(' '))).toBe(0);
    expect(found([...strange, 'warehouse'].join(' '))).toBe(1);
  });

  it.each([
    ['S3', 0],
    ['s3 buckets', 0],
    ['v2', 1],
    ['k8s', 1],
    ['用户', 2],
    ['猫', 3],
    ['户', 2],
  ])('finds what is called %s', async (query, first) => {
    const names = ['listS3Buckets', 'deployV2_K8s', '取得用户列表', '子猫'];
    const index = await SearchIndex.of(names.map((name) => ({ name, summary: '', description: '', tags: [] })));
    expect(index.matches(query, () => true).map(({ at }) => at)).toEqual([first]);
    for (const letter of ['s', '3', '?']) expect(index.matches(letter, () => true)).toEqual([]);
  });

  it('lets other work have its turn while it is made', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const facts = many(600).map(({ name, description }) => ({ name, description, summary: '', tags: [] }));
    await SearchIndex.of(facts);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });
});
