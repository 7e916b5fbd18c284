export { offerOf } from '../src/member-offer.js';
export {
  type GuardedMember,
  type Kind,
  KINDS,
  type SeenRequest,
  UNAUTHORIZED,
  startGuardedMember,
} from './guarded-member.js';
