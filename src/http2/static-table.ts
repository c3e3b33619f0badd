import { type Field, field } from './field.ts';

/** RFC 7541, appendix A: `name`, or `name value`. */
const ENTRIES = `
:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`;

function entryOf(line: string): Field {
  const blank = line.indexOf(' ');
  return blank < 0 ? field(line, '') : field(line.slice(0, blank), line.slice(blank + 1));
}

/** The table that everybody has. The index of an entry is one more than its place here. */
export const STATIC_TABLE: readonly Field[] = ENTRIES.trim().split('\n').map(entryOf);
