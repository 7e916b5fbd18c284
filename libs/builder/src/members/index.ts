// Every export of this file builds a type of member. To add one: write its file, add its line.
export { graphqlMemberBuilder } from './graphql.member.js';
export { httpMemberBuilder } from './http.member.js';
export { localMemberBuilder } from './local.member.js';
export { openApiMemberBuilder } from './openapi.member.js';
export { sseMemberBuilder } from './sse.member.js';
export { stdioMemberBuilder } from './stdio.member.js';
