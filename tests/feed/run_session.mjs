// Plays tests/vectors/feed/session.json to the Node verifier; prints what it answered to each step.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [verifierPath, sessionPath] = process.argv.slice(2);
const { Verifier } = await import(pathToFileURL(verifierPath));
const session = JSON.parse(readFileSync(sessionPath, "utf8"));
let at = session.steps[0];
const verifier = new Verifier({
  issuer: session.issuer,
  audience: session.audience,
  now: () => at.now,
  boot: () => at.boottime * 1000,
  alarm: () => {},
});
verifier.useKeys(session.feed_jwks, session.jwks);

function refusedOr(take) {
  try { return take(); } catch (error) { return error instanceof TypeError ? `crashed: ${error.stack}` : "refused"; }
}
function judged(token) {
  const answer = refusedOr(() => verifier.judge(token));
  if (!Array.isArray(answer)) return answer === "refused" ? "invalid" : answer;
  return answer[0] === 200 ? answer[1].scopes : "unavailable";
}
function body({ manifest, profile, records }) {
  return Buffer.concat([Buffer.from(`${manifest}\n${profile}\n`), Buffer.from(records, "base64")]);
}

const answers = session.steps.map((step) => {
  at = step;
  if (step.frame) return refusedOr(() => verifier.takeFrame(step.frame));
  if (step.heartbeat) return refusedOr(() => verifier.takeHeartbeat(step.heartbeat));
  if (step.snapshot) return refusedOr(() => verifier.takeSnapshot(body(step.snapshot)));
  return judged(step.token);
});
console.log(JSON.stringify(answers));
