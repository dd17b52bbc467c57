import type { ProbeKind, ProbeSettings } from "../../model/probing.ts";
import type { Asker } from "./asking.ts";
import { httpAsker } from "./http.ts";
import { http2Asker } from "./http2.ts";
import { webSocketAsker } from "./websocket.ts";

/** One kind of request at one gateway. */
export interface Kind {
  readonly kind: ProbeKind;
  readonly path: string;
  readonly asker: Asker;
  /** It is kept open for a while. */
  readonly lasts?: true;
}

const filler = (size: number): Buffer => Buffer.alloc(size, "glidepath ");

/** Those that have a path. */
export function kindsOf(settings: ProbeSettings): readonly Kind[] {
  const { get, post, slow, upload, websocket, events, http2 } = settings;
  const kinds: Kind[] = [{ kind: "get", path: get, asker: httpAsker({ method: "GET" }) }];
  if (post !== null) {
    const body = Buffer.from(post.body);
    const asker = httpAsker({ method: "POST", type: post.type, body });
    kinds.push({ kind: "post", path: post.path, asker });
  }
  if (slow !== null) kinds.push({ kind: "slow", path: slow, asker: httpAsker({ method: "GET" }) });
  if (upload !== null) {
    const body = filler(upload.size);
    const sending = { method: "POST", type: "application/octet-stream", body, slowly: true } as const;
    kinds.push({ kind: "upload", path: upload.path, asker: httpAsker(sending), lasts: true });
  }
  if (websocket !== null)
    kinds.push({ kind: "websocket", path: websocket, asker: webSocketAsker(), lasts: true });
  if (events !== null) {
    const asker = httpAsker({ method: "GET", stream: true });
    kinds.push({ kind: "events", path: events, asker, lasts: true });
  }
  if (http2) kinds.push({ kind: "http2", path: get, asker: http2Asker() });
  return kinds;
}
