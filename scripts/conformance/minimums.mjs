export const MINIMUMS = {};
