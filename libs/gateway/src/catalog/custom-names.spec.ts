import { describe, expect, it } from '@jest/globals';
import { CustomNames } from './custom-names.js';

describe('CustomNames', () => {
  it.each<[string, Record<string, string>, string, string]>([
    ['puts one name in the place of another', { crm_find: 'find' }, 'crm_find', 'find'],
    ['leaves what fits none', { crm_find: 'find' }, 'crm_finds', 'crm_finds'],
    ['takes the text of a star over', { 'crm_*': 'c-*' }, 'crm_find', 'c-find'],
    ['takes what stands on both sides of it for no part of it', { 'a_*_a': '*' }, 'a_a', 'a_a'],
    ['takes an empty text for one', { 'a_*_b': 'x*' }, 'a__b', 'x'],
    ['gives no empty name', { 'crm_*': '*' }, 'crm_', 'crm_'],
    ['prefers the name without a star, wherever it stands', { 'crm_*': '*', crm_find: 'seek' }, 'crm_find', 'seek'],
    ['takes the first of two that fit', { 'crm_f*': 'a*', 'crm_*': 'b*' }, 'crm_find', 'aind'],
    ['reads nothing into a text', { 'crm_*': 'x*' }, 'crm_$&$1', 'x$&$1'],
    ['knows nothing of what all objects have', { crm_find: 'find' }, 'constructor', 'constructor'],
  ])('%s', (_, names, full, offered) => {
    expect(new CustomNames(names).nameOf(full)).toBe(offered);
  });
});
