import { appName } from "../model/ids.ts";
import type { Answers } from "../spec/example.ts";
import type { Survey } from "./deps.ts";

/** The ports of an upstream whose servers are all of this machine, as in `localhost:8001 weight=2`. */
function localPorts(servers: readonly string[]): readonly number[] | null {
  const matches = servers.map((server) => /^(?:127\.0\.0\.1|localhost|\[::1\]):(\d+)\b/.exec(server));
  if (matches.some((match) => match === null)) return null;
  return matches.map((match) => Number(match?.[1]));
}

/** A name as an application's may be, made of anything. */
export function nameFrom(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 32)
    .replace(/-+$/, "");
  return appName(name) ?? "app";
}

/** The upstream that looks most like an application with slots: all on this machine, and the most of them. */
function likeliest(
  survey: Survey | null,
): { readonly name: string; readonly ports: readonly number[] } | null {
  const candidates = (survey?.upstreams ?? []).flatMap(({ name, servers }) => {
    const ports = localPorts(servers);
    const isOurs = name.startsWith("glidepath_");
    return isOurs || ports === null || ports.length < 2 ? [] : [{ name, ports }];
  });
  return candidates.toSorted((a, b) => b.ports.length - a.ports.length)[0] ?? null;
}

/** What bears the application's name, unless somebody says otherwise. */
export const namedAfter = (
  app: string,
  confDir: string,
): Pick<Answers, "app" | "url" | "root" | "config"> => ({
  app,
  url: `https://downloads.example.com/${app}/${app}-{release}.tar.gz`,
  root: `/srv/${app}`,
  config: `${confDir}/${app}.conf`,
});

/** What `init` offers: what this machine's nginx has already, else something that works. */
export function defaultsFrom(survey: Survey | null, directory: string): Answers {
  const found = likeliest(survey);
  const app = nameFrom(found?.name ?? directory);
  return {
    ...namedAfter(app, survey?.confDir ?? "/etc/nginx/conf.d"),
    ports: found?.ports ?? [8001, 8002],
    command: "./start.sh",
    health: "/",
    listen: survey?.listens[0] === undefined ? ["80"] : [survey.listens[0]],
    main: survey?.main ?? "/etc/nginx/nginx.conf",
    nginx: survey?.binary ?? "nginx",
  };
}
