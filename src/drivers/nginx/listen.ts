import type { Gateway } from "../../model/application.ts";
import { listenWords, path } from "./names.ts";

const endpointOf = (listen: string): string => listenWords(listen.split(" ")[0] ?? "");
const portOf = (listen: string): number => Number(/(\d+)$/.exec(endpointOf(listen))?.[1] ?? "0");
const secure = ({ listen }: Gateway): readonly string[] =>
  listen.filter((one) => one.split(" ").includes("ssl"));

/**
 * `reuseport`: each worker has a socket of its own, so that the packets of one connection come to one
 * worker. nginx takes it once for an address, and then it holds for every server there.
 */
export const listenLines = (gateway: Gateway): readonly string[] => [
  ...gateway.listen.map((listen) => `listen ${listenWords(listen)};`),
  ...(gateway.http3 === undefined
    ? []
    : secure(gateway).map(
        (listen) => `listen ${endpointOf(listen)} quic${gateway.http3 === "shared" ? "" : " reuseport"};`,
      )),
];

/** Browsers come by TCP first, and learn there that they may come by QUIC. */
export const altSvcLines = (gateway: Gateway): readonly string[] => {
  const [first] = secure(gateway);
  if (gateway.http3 === undefined || first === undefined) return [];
  return [`add_header Alt-Svc 'h3=":${portOf(first)}"; ma=86400' always;`];
};

/** 308: a POST stays one. The authority that certifies the name asks over plain HTTP. */
export function redirectBody(gateway: Gateway, names: string): readonly string[] | null {
  const { redirect } = gateway;
  const [first] = secure(gateway);
  if (redirect === undefined || first === undefined) return null;
  const port = portOf(first) === 443 ? "" : `:${portOf(first)}`;
  return [
    ...redirect.listen.map((listen) => `listen ${endpointOf(listen)};`),
    `server_name ${names};`,
    ...(redirect.acme === null
      ? []
      : [`location ^~ /.well-known/acme-challenge/ { root ${path(redirect.acme)}; }`]),
    `location / { return 308 https://$host${port}$request_uri; }`,
  ];
}
