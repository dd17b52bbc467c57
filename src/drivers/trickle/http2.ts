import { formatDuration } from "../../base/time.ts";
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { bounded, TOLD, whole, wordsOf, type Answer, type Asker, type Asking } from "./asking.ts";
import { authorityOf } from "./place.ts";

/** HTTP/2 over one connection; a new one only after the gateway has said that the old one ends. */
export function http2Asker(): Asker {
  let session: ClientHttp2Session | null = null;
  const open = (asking: Asking): ClientHttp2Session => {
    if (session !== null && !session.closed && !session.destroyed) return session;
    const { place, serverName } = asking;
    const fresh = connect(`${place.tls ? "https" : "http"}://${authorityOf(place)}`, {
      rejectUnauthorized: false,
      ...(serverName === null ? {} : { servername: serverName }),
    });
    // A stream's own error tells; without a listener the session's would be thrown.
    fresh.on("error", () => undefined);
    fresh.on("goaway", () => fresh.close());
    session = fresh;
    return fresh;
  };
  return {
    ask: (asking) => exchange(asking, () => open(asking)),
    close: () => session?.destroy(),
  };
}

function exchange(asking: Asking, open: () => ClientHttp2Session): Promise<Answer | null> {
  return bounded(asking, (settle) => {
    const state: { status: number | null; told: string | null } = { status: null, told: null };
    const broken = (said: string): Answer => ({
      end: state.status === null ? "failed" : "cut",
      said,
      told: state.told,
    });
    const { Host: authority, ...headers } = asking.headers;
    let stream: ClientHttp2Stream | null = null;
    try {
      stream = open().request({
        ":path": asking.path,
        ":authority": authority ?? authorityOf(asking.place),
        ":scheme": asking.place.tls ? "https" : "http",
        ...headers,
      });
      stream.on("response", (answer) => {
        state.status = answer[":status"] ?? 0;
        const told = answer[TOLD];
        state.told = typeof told === "string" ? told : null;
      });
      stream.on("error", (error) => settle(broken(wordsOf(error))));
      stream.on("end", () => {
        if (state.status !== null) settle(whole(state.status, state.told));
      });
      stream.on("close", () => settle(broken("the stream was closed")));
      stream.resume();
      stream.end();
    } catch (error) {
      settle(broken(wordsOf(error)));
    }
    return {
      late: () => broken(`no answer within ${formatDuration(asking.timeout)}`),
      end: () => void (stream !== null && !stream.closed && stream.close(8)),
    };
  });
}
