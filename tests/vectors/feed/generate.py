"""Write the feed's test vectors: `cd tests && python -m vectors.feed.generate`.

The same input gives the same bytes, but for keys and ES256 signatures, which are random: keys that
are there already stay, and so does the signature of an object whose payload has not changed.
"""

import base64
import json
from pathlib import Path

from tokenry.feed.chain import head_before_first
from tokenry.feed.frame import Frame
from tokenry.feed.packed_records import pack_records
from tokenry.feed.record import first_chain_value
from tokenry.feed.snapshot import manifest_of
from tokenry.vocabulary.selectors import SelectorKind, selector
from vectors.feed.session import session_document
from vectors.feed.signing import (
    ISSUER,
    NOW,
    OTHER_ISSUER,
    PROFILE,
    Signing,
    frame,
    handle,
    heads,
    heartbeat,
    record,
)

HERE = Path(__file__).parent


def keys_document(sign: Signing) -> dict[str, object]:
    return {
        name: {
            "jwk": key.public.to_jwk(),
            "pkcs8": base64.b64encode(key.to_pkcs8()).decode("ascii"),
        }
        for name, key in sign.keys.items()
    }


SAMPLE = (
    (SelectorKind.JTI, handle(1)),
    (SelectorKind.CLIENT, "orders-batch"),
    (SelectorKind.KEY, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
)


def records_document() -> dict[str, object]:
    """Selectors, records, c₀ and the chain."""
    records = [record(n, kind, value) for n, (kind, value) in enumerate(SAMPLE, start=1)]
    return {
        "issuer": ISSUER,
        "epoch": 1,
        "first_chain_value": first_chain_value(ISSUER, 1).hex(),
        "first_chain_values_elsewhere": [
            {"issuer": issuer, "epoch": epoch, "chain": first_chain_value(issuer, epoch).hex()}
            for issuer, epoch in ((OTHER_ISSUER, 1), (ISSUER, 2), ("https://tökens.example", 8191))
        ],
        "selectors": [
            {"kind": kind, "id": handle(9), "selector": selector(ISSUER, kind, handle(9)).hex()}
            for kind in SelectorKind
        ],
        "records": [
            {
                "seq": each.seq,
                "type": int(each.type),
                "kind": kind,
                "id": value,
                "selector": each.selector.hex(),
                "before": each.before,
                "expires": each.expires,
                "bytes": each.to_bytes().hex(),
                "chain": head.chain.hex(),
            }
            for each, (kind, value), head in zip(records, SAMPLE, heads(records)[1:], strict=True)
        ],
    }


def objects_document(sign: Signing) -> dict[str, object]:
    """Each signed object: its payload, and one signature that verifies."""
    records = [record(n, kind, value) for n, (kind, value) in enumerate(SAMPLE, start=1)]
    before, *_, head = heads(records)
    elsewhere = head_before_first(OTHER_ISSUER, 1)
    made = {
        "empty_frame": Frame.empty(ISSUER, before, closed=NOW, profiles=1),
        "frame": frame(records, head),
        "heartbeat": heartbeat((ISSUER, head), (OTHER_ISSUER, elsewhere), after=1000),
        "profile": PROFILE,
        "manifest": manifest_of(ISSUER, head, pack_records(records), closed=NOW, profiles=1),
    }
    signers = (sign.frame, sign.frame, sign.heartbeat, sign.profile, sign.manifest)
    return {
        "jwks": sign.jwks("feed", "spare_feed"),
        "objects": {
            name: {"payload": each.to_payload().decode(), "jws": signer(each)}
            for (name, each), signer in zip(made.items(), signers, strict=True)
        },
        "snapshot": base64.b64encode(sign.snapshot(head, records).to_bytes()).decode("ascii"),
    }


def documents(existing: dict[str, object]) -> dict[str, str]:
    """Return the text of each file, from the documents that exist."""
    sign = Signing(existing)
    made = {
        "keys.json": keys_document(sign),
        "records.json": records_document(),
        "objects.json": objects_document(sign),
        "session.json": session_document(sign),
    }
    return {
        name: json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        for name, document in made.items()
    }


def existing_documents() -> dict[str, object]:
    return {path.name: json.loads(path.read_text("utf-8")) for path in HERE.glob("*.json")}


if __name__ == "__main__":
    for name, text in documents(existing_documents()).items():
        (HERE / name).write_text(text, "utf-8")
