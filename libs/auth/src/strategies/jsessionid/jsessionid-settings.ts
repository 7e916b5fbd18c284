import { z } from 'zod';
import { urlOrPath } from '../../address-setting.js';
import { headerName } from '../../wire-text.js';
import { CSRF_HEADERS } from './csrf-headers.js';

const fieldName = z.string().min(1, 'is empty').max(256);
/** RFC 6265, 4.1.1: a token. */
const cookieName = z
  .string()
  .max(256)
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is not a cookie name');

export const jsessionidSettings = z
  .strictObject({
    login_url: urlOrPath.describe('where the form is sent; a path is one on the origin of the member'),
    login_page_url: urlOrPath
      .optional()
      .describe('where the page of the login is, if that is another address; what is called like a login unless given'),
    username: z.string().min(1, 'is empty').max(1024).describe('who logs in'),
    password: z.string().max(4096).describe('sent to the origin of the login alone'),
    username_field: fieldName.default('username').describe('name of the field in the form'),
    password_field: fieldName.default('password').describe('name of the field in the form'),
    csrf_cookie: cookieName.optional().describe('the only cookie whose value is shown back in a header'),
    csrf_header: headerName.optional().describe('that header'),
  })
  .superRefine(({ csrf_cookie: cookie, csrf_header: header }, context) => {
    const fault = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    if (header !== undefined && cookie === undefined) fault('csrf_cookie', 'is missing: goes with csrf_header');
    if (cookie !== undefined && header === undefined && !CSRF_HEADERS.has(cookie.toLowerCase())) {
      fault('csrf_header', 'is missing: nobody knows the header of this cookie');
    }
  });

export type JsessionidSettings = z.infer<typeof jsessionidSettings>;
