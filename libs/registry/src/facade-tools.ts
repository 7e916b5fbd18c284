/** The tools that a layered member offers, by their own names. */
export const FACADE_TOOLS = ['get_service_info', 'get_type_info', 'make_tool_call'] as const;
export type FacadeTool = (typeof FACADE_TOOLS)[number];
