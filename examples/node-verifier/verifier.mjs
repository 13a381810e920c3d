// A verifier for ES256 access tokens of Tokenry, written from docs/reference/feed.md alone.
// node verifier.mjs --issuer URL --name RESOURCE_SERVER --secret SECRET --audience URI --listen PORT
import { createHash, createPublicKey, verify as verifySignature } from "node:crypto";
import { createServer } from "node:http";
import { uptime } from "node:os";
import { parseArgs } from "node:util";

const RECORD = 41, MAX = Number.MAX_SAFE_INTEGER, epochOf = (number) => Math.floor(number / 2 ** 40);
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const need = (fact, expected, more) => { if (!fact) throw Object.assign(new Error(`expected ${expected}`), more); };
const within = (least, most) => (n) => Number.isSafeInteger(n) && n >= least && n <= most;
const number = within(0, MAX), text = (value) => typeof value === "string", chainValue = (value) => decode(value).length === 32;
const HEAD = { iss: text, epoch: within(1, 8191), last: (last, { epoch }) => number(last) && epochOf(last) === epoch,
  chain: chainValue, closed: number, profiles: number };
const PROFILE = { profile: number, max_token_lifetime: within(1, 86400), leeway: within(0, 60), low_risk_scopes: Array.isArray,
  survival_scopes: Array.isArray, tiers: (t) => 0 < t.fresh && t.fresh <= t.reduced && t.reduced <= t.survival };

function check(object, shape) {
  for (const [name, isRight] of Object.entries(shape)) need(isRight(object[name], object), `another ${name}`);
  return object;
}
function decode(encoded, bytes = Buffer.from(String(encoded), "base64url")) {
  need(bytes.toString("base64url") === encoded, "base64url");
  return bytes;
}
function parseObject(bytes, kept = -1) { // kept: names and strings; a member said twice was written and not kept
  const json = new TextDecoder("utf-8", { fatal: true }).decode(bytes), quotes = json.replace(/\\\\|\\"/g, "").split('"').length - 1;
  const object = JSON.parse(json, function (_, value) { kept += !Array.isArray(this) + text(value); return value; });
  need(json.trimStart()[0] === "{" && quotes === 2 * kept, "a JSON object with each member once");
  return object;
}
function openJws(jws, type, keys) { // returns the kid and payload of what one of the keys has signed
  const [head, body, signature, ...rest] = String(jws).split("."), signed = Buffer.from(`${head}.${body}`);
  need(signature && rest.length === 0, "a compact JWS");
  const { alg, kid, typ, crit } = parseObject(decode(head)), key = { key: keys.get(kid), dsaEncoding: "ieee-p1363" };
  need(crit === undefined && String(typ).toLowerCase().replace(/^application\//, "") === type, type);
  need(keys.has(kid), "a known kid", { unknownKid: true });
  need(alg === "ES256" && verifySignature("sha256", signed, key, decode(signature)), "a signature that fits");
  return { kid, claims: parseObject(decode(body)) };
}
const readKeys = ({ keys }) => new Map(keys.filter(({ crv, alg = "ES256" }) => crv === "P-256" && alg === "ES256")
  .map((key) => [key.kid, createPublicKey({ key, format: "jwk" })]));
function readRecords(packed) {
  need(packed.length % RECORD === 0, "whole records");
  return Array.from({ length: packed.length / RECORD }, (_, i) => {
    const bytes = packed.subarray(i * RECORD, (i + 1) * RECORD), at = (from) => Number(bytes.readBigUInt64BE(from));
    const record = { bytes, seq: at(0), type: bytes[8], selector: bytes.toString("hex", 9, 25), before: at(25), expires: at(33) };
    return check(record, { seq: number, type: within(1, 2), before: number, expires: number });
  });
}

export class Verifier {
  state = "never synchronized"; head = 0; chain = null; headStated = 0; live = new Map(); removedKeys = new Set();
  profile = null; feedKeys = new Map(); tokenKeys = new Map(); closed = 0; receivedAt = 0; offset = 0; fetchedAt = 0;
  constructor({ issuer, audience, capacity = 2e6, now = Date.now, boot = () => uptime() * 1000, alarm = console.error }) {
    Object.assign(this, { issuer, audience, capacity, now, boot, alarm });
  }
  useKeys(feed, token) { [this.feedKeys, this.tokenKeys] = [readKeys(feed), readKeys(token)]; }
  selector(kind, id) { return sha256(`${this.issuer}\0${kind}\0${id}`).toString("hex", 0, 16); }
  open(jws, kind, shape) {
    return check(openJws(jws, `tokenry-${kind}+jws`, this.feedKeys).claims, { version: within(1, 1), ...shape });
  }
  takeFrame(jws) {
    const frame = this.open(jws, "frame", { ...HEAD, first: within(1, MAX) }), records = readRecords(decode(frame.records));
    need(epochOf(frame.first - 1) === frame.epoch && records.length <= 500, "at most 500 records of one epoch");
    need(frame.last - frame.first + 1 === records.length && records.every(({ seq }, i) => seq === frame.first + i), "all of them");
    return this.apply({ ...frame, records });
  }
  takeHeartbeat(jws) {
    const { closed, heads } = this.open(jws, "heartbeat", {}), ours = heads.find(({ iss }) => iss === this.issuer);
    return ours ? this.apply(check({ ...ours, closed, first: ours.last + 1, records: [] }, HEAD)) : "not_ours";
  }
  takeProfile(jws) {
    const profile = this.open(jws, "profile", PROFILE);
    need(profile.iss === this.issuer && profile.audience === this.audience, "our profile");
    if (!(profile.profile < this.profile?.profile)) this.profile = profile;
  }
  takeSnapshot(body) {
    const end = body.indexOf("\n"), next = body.indexOf("\n", end + 1), packed = body.subarray(next + 1);
    const stated = { ...this.open(body.toString("latin1", 0, end), "snapshot", HEAD), records: [] };
    const records = readRecords(packed), digest = sha256(packed).toString("base64url");
    need(stated.iss === this.issuer && stated.count === records.length && stated.sha256 === digest, "the issuer's records");
    need(records.every(({ seq }, i) => seq <= stated.last && (i === 0 || seq > records[i - 1].seq)), "ascending records");
    this.takeProfile(body.toString("latin1", end + 1, next));
    const outcome = stated.last <= this.head ? this.compare(stated) : "installed";
    if (outcome !== "installed" && (this.state === "synchronized" || outcome !== "already_known")) return outcome;
    this.state = "synchronized";
    return this.add(records, stated, "installed"); // to what is known, which stays until it expires
  }
  apply(frame) {
    this.offset = Math.max(this.offset, frame.closed - this.now());
    if (frame.iss !== this.issuer) return "not_ours";
    if (this.state !== "synchronized") return "snapshot_needed";
    if (frame.epoch > epochOf(this.head)) return "unknown_epoch";
    if (frame.last <= this.head) return this.compare(frame);
    if (frame.first > this.head + 1) return "gap";
    const news = frame.records.filter(({ seq }) => seq > this.head);
    const chain = news.reduce((value, { bytes }) => sha256(value, bytes), decode(this.chain)).toString("base64url");
    return chain === frame.chain ? this.add(news, frame, "applied") : this.distrust(frame.last);
  }
  compare({ last, chain, closed, records }) { // with the head, at or below it; no other anchor is kept
    if (last === this.head) return chain === this.chain ? this.agree(closed, "already_known") : this.distrust(last);
    if (!this.headStated || closed <= this.headStated) return records.length ? "already_known" : "backwards";
    return this.alert(`a node was set back to number ${last}`, "backwards_alarm");
  }
  distrust(at) { return this.alert(`two histories at number ${at}`, "chain_mismatch", "distrusted"); }
  alert(why, outcome, state = this.state) { this.alarm(why); this.state = state; return outcome; }
  add(records, { last, chain, closed }, outcome) {
    for (const { type, selector, before, expires } of records) {
      const known = this.live.get(selector) ?? { before: 0, expires: 0 };
      if (type === 2) this.removedKeys.add(selector);
      else this.live.set(selector, { before: Math.max(before, known.before), expires: Math.max(expires, known.expires) });
    }
    [this.head, this.chain, this.headStated] = [last, chain, 0];
    if (this.live.size > this.capacity) {
      for (const [selector, { expires }] of this.live) if (this.closed > (expires + 60) * 1000) this.live.delete(selector);
      if (this.live.size > this.capacity) return this.alert("more live revocations than fit", "full", "full");
    }
    return this.agree(closed, outcome);
  }
  agree(closed, outcome) {
    this.headStated ||= closed;
    if (closed > this.closed) [this.closed, this.receivedAt] = [closed, this.boot()];
    return outcome;
  }
  usable(granted) { // the scopes that may be used now, null if nothing may
    const { tiers, low_risk_scopes: lowRisk, survival_scopes: survival } = this.profile ?? {};
    if (this.state !== "synchronized" || !this.closed) return null;
    const staleness = Math.max(this.now() + this.offset - this.closed, this.boot() - this.receivedAt) / 1000;
    const allowed = staleness <= tiers.reduced ? lowRisk : staleness <= tiers.survival ? survival : [];
    return staleness <= tiers.fresh ? granted : granted.filter((scope) => allowed.includes(scope));
  }
  judge(token) { // returns status and body; throws what is 401
    const { kid, claims: c } = openJws(token, "at+jwt", this.tokenKeys), audiences = [c.aud].flat(), now = this.now() / 1000;
    const { leeway = 0, max_token_lifetime: longest = 86400 } = this.profile ?? {};
    need(!this.removedKeys.has(this.selector("key", kid)), "a key that was not revoked");
    need(c.iss === this.issuer && audiences.join() === this.audience, "our issuer and audience");
    check(c, { exp: number, iat: (iat) => number(iat) && c.exp - iat <= longest, rsn: number });
    need(Math.max(now, this.closed / 1000) < c.exp + leeway && Math.max(c.iat, c.nbf ?? 0) <= now + leeway, "a token of now");
    const ids = [["jti", c.jti], ["grant", c.grant], ["session", c.sid], ["subject", c.sub], ["device", c.device],
      ["client", c.client_id], ["confirmation", c.cnf?.jkt], ["confirmation", c.cnf?.["x5t#S256"]],
      ["issuer", c.iss], ...audiences.map((each) => ["audience", each])].filter(([, id]) => id !== undefined);
    need(!ids.some(([kind, id]) => c.rsn < this.live.get(this.selector(kind, id))?.before), "a token that was not revoked");
    const granted = (c.scope ?? "").split(" ").filter(Boolean), scopes = this.usable(granted);
    if (!scopes || (granted.length && !scopes.length)) return [503, { error: "temporarily_unavailable" }];
    return [200, { sub: c.sub, client_id: c.client_id, scopes }];
  }
}

async function* events(body, rest = "") {
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + chunk.replaceAll("\r", "")).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) yield Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/)));
  }
}
export async function follow(verifier, name, secret) { // until something is amiss, which it throws
  const headers = { authorization: `Basic ${btoa(`${encodeURIComponent(name)}:${encodeURIComponent(secret)}`)}` };
  const { origin, pathname } = new URL(verifier.issuer), silence = new AbortController();
  const watchdog = setTimeout(() => silence.abort(), 10_000);
  const ask = async (url, read = (answer) => answer.json()) => {
    const answer = await fetch(url, { headers, signal: silence.signal });
    need(answer.ok, `an answer from ${url}, not ${answer.status}`);
    return read(answer);
  };
  const meta = await ask(`${origin}/.well-known/oauth-authorization-server${pathname === "/" ? "" : pathname}`);
  need(meta.issuer === verifier.issuer, "the issuer's own metadata");
  verifier.fetchKeys = async () => verifier.useKeys(await ask(meta.tokenry_feed_jwks_uri), await ask(meta.jwks_uri));
  await verifier.fetchKeys();
  if (verifier.state !== "synchronized" || verifier.isBehind)
    verifier.takeSnapshot(Buffer.from(await ask(meta.tokenry_feed_snapshot_endpoint, (answer) => answer.arrayBuffer())));
  for await (const { event, data } of events(await ask(`${meta.tokenry_feed_endpoint}?after=${verifier.head}`, ({ body }) => body))) {
    const take = { frame: "takeFrame", heartbeat: "takeHeartbeat", profile: "takeProfile" }[event], { size } = verifier.removedKeys;
    const outcome = take ? verifier[take](data) : event;
    verifier.isBehind = ["gap", "unknown_epoch", "snapshot_needed"].includes(outcome);
    need(!verifier.isBehind, `no ${outcome}`);
    if (verifier.removedKeys.size > size) await verifier.fetchKeys();
    watchdog.refresh();
  }
}

if (process.argv[1]?.endsWith("verifier.mjs")) {
  const options = Object.fromEntries(["issuer", "name", "secret", "audience", "listen"].map((each) => [each, { type: "string" }]));
  const { values: { name, secret, listen = 0, ...ours } } = parseArgs({ options }), verifier = new Verifier(ours);
  const answer = async ({ headers: { authorization = "" } }, [, token] = /^Bearer +(\S+)$/i.exec(authorization) ?? []) => {
    if (!verifier.chain) return [503, { error: "temporarily_unavailable" }]; // and no key is known
    try { return verifier.judge(token); } catch (error) { need(error.unknownKid && Date.now() > verifier.fetchedAt + 10_000, "a known kid"); }
    await verifier.fetchKeys(verifier.fetchedAt = Date.now());
    return verifier.judge(token);
  };
  createServer(async (request, response) => {
    const [status, body] = await answer(request).catch(() => [401, { error: "invalid_token" }]);
    const more = { 401: { "www-authenticate": 'Bearer error="invalid_token"' }, 503: { "retry-after": "1" } }[status];
    response.writeHead(status, { "content-type": "application/json", ...more }).end(JSON.stringify(body));
  }).listen(Number(listen), "127.0.0.1", function tell() { console.log(`listening on ${this.address().port}`); });
  for (;;) {
    await follow(verifier, name, secret).catch(({ message }) => verifier.alarm(`the feed is lost: ${message}`));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1000));
  }
}
