/**
 * For servers on loopback that only we ask. What the user's http level demands of clients (`deny`,
 * `auth_basic`, `auth_request`, `limit_req`, `limit_conn`) would reach them too, all as one client,
 * 127.0.0.1. Access is granted first and is then enough; whoever has limits of its own inherits none, and
 * requests with an empty key are not counted.
 */
export const spared = (v: string): readonly string[] => [
  "satisfy any;",
  "allow all;",
  `limit_req zone=${v}_nobody;`,
  `limit_conn ${v}_none 1;`,
  "limit_conn_dry_run off;",
];

export const sparedZones = (v: string): readonly string[] => [
  `limit_req_zone "" zone=${v}_nobody:32k rate=1r/s;`,
  `limit_conn_zone "" zone=${v}_none:32k;`,
];
