/** An object of JSON, or a list of some, by how it begins. */
export const LIKE_JSON = /^\s*(?:\[\s*){0,8}\{\s*"/;
