"""A second reader of Countersign's warrants, written from doc/warrant.md and
doc/ledger-format.md. It shares no code with the first reader, so that a mistake in one of
them, or a page that does not say enough, shows.

    python3 warrant.py --root sha256:… WARRANT.json …
    python3 warrant.py --serve

For each file it prints one line of JSON: "ok", or else the first check that failed with
the reason, and always "ruling": "not checked", since it has no policy engine
(doc/warrant.md, "What is left to the ruling"). It exits 0 if all warrants hold, 1 if one
does not, 2 if it was called wrongly.

With --serve it reads one request on each line of its standard input, and answers each
with a line: {"root":"sha256:…","warrant":"base64 of the document"}.

It needs the standard library and the package `cryptography` (Debian: python3-cryptography).
The names of sections below are those of doc/warrant.md.
"""

import argparse
import base64
import decimal
import hashlib
import json
import operator
import re
import sys
import unicodedata

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

MAX_WARRANT = 4 << 20  # bytes
MAX_NUMBER = 2**53 - 1  # of an entry, and of a size

# Instants and spans are in microseconds, instants since 1970.
SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND
SETTLE = 30 * DAY

class Refused(Exception):
    """A check failed: its name, and the reason for a person."""

    def __init__(self, check, why):
        super().__init__(why)
        self.check, self.why = check, why

def need(holds, check, why):
    """Refuse the warrant unless a condition holds."""
    if not holds:
        raise Refused(check, why)

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

# --- Spelling

def parse(raw):
    """Return the value of a document in canonical form. Refuse any other document."""
    need(len(raw) <= MAX_WARRANT, "spelling", "the document has more than 4 MiB")
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=members, parse_int=integer, parse_float=no_number, parse_constant=no_number)
        again = canonical(value)
    except (ValueError, RecursionError) as e:  # also of what is not UTF-8, of half a surrogate pair, of what nests too deeply
        raise Refused("spelling", f"the document is not JSON: {e}")
    need(again == raw, "spelling", "the document is not in canonical form")
    return value

ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

def canonical(value):
    """Return the canonical form of a value whose objects are sorted already."""
    return ENCODER.encode(value).encode("utf-8")

def members(pairs):
    """Return an object whose names ascend by their UTF-16 code units, each once."""
    names = [name for name, _ in pairs]
    if not "".join(names).isascii():
        names = [name.encode("utf-16-be", "surrogatepass") for name in names]
    need(all(map(operator.lt, names, names[1:])), "spelling", "the members of an object are not sorted, each once")
    return dict(pairs)

def integer(spelt):
    """Return a number: an integer of 64 bits, spelt as the double that it is."""
    n = int(spelt) if len(spelt) <= 20 else 2**63
    double = format(decimal.Decimal(repr(float(n))), "f").removesuffix(".0") if len(spelt) > 15 else str(n)
    need(-(2**63) <= n < 2**63 and double == spelt, "spelling", f"the number {spelt[:40]} is not in canonical form")
    return n

def no_number(spelt):
    raise Refused("spelling", f"{spelt[:40]} is not an integer")

# --- Types
#
# A shape is a function that says whether a value has it.

def text(value):
    return isinstance(value, str)

def flag(value):
    return isinstance(value, bool)

def number(value):
    return isinstance(value, int) and not isinstance(value, bool)

def anything(value):
    return True

DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{6})Z\Z", re.ASCII)
BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?\Z")

def digest(value):
    """A SHA-256 digest; the empty text is none."""
    return text(value) and (value == "" or bool(DIGEST.match(value)) and value != hexadecimal(bytes(32)))

def data(value):
    """Bytes in base64 whose unused bits are zero."""
    return text(value) and bool(BASE64.match(value)) and base64.b64encode(base64.b64decode(value)).decode() == value

def instant(value):
    """An instant; the empty text is none, and so is its value, the first of January of year 1."""
    return value == "" or text(value) and micros(value) not in (None, NO_TIME)

def list_of(shape):
    return lambda value: isinstance(value, list) and all(map(shape, value))

def map_of(shape):
    return lambda value: isinstance(value, dict) and all(map(shape, value.values()))

def maybe(shape):
    return lambda value: value is None or shape(value)

def object_of(shapes):
    """An object with exactly these members. One whose name here ends in "?" may be missing,
    and is missing where it would be "", 0 or []."""
    shapes = {name.rstrip("?"): (name.endswith("?"), shape) for name, shape in shapes.items()}

    def fits(value):
        if not isinstance(value, dict) or not value.keys() <= shapes.keys():
            return False
        for name, (optional, shape) in shapes.items():
            if name not in value:
                if not optional:
                    return False
            elif not shape(value[name]) or optional and value[name] in ("", 0, []):
                return False
        return True

    return fits

def by_version(version, shape, others):
    """A shape for objects whose member v is a version, and another one for all others."""
    return lambda value: (shape if isinstance(value, dict) and value.get("v") == version else others)(value)

def micros(spelt):
    """Return an instant's microseconds since 1970, NO_TIME for "", None if it is no instant."""
    if spelt == "":
        return NO_TIME
    m = INSTANT.match(spelt)
    if not m:
        return None
    year, month, day, hour, minute, second, micro = map(int, m.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if not (1 <= month <= 12 and 1 <= day <= lengths[month - 1] and hour < 24 and minute < 60 and second < 60):
        return None
    before = year - 1  # whole years since year 1; Python's division rounds down, also before it
    days = 365 * before + before // 4 - before // 100 + before // 400 + sum(lengths[: month - 1]) + day - 1 - 719162
    return ((days * 24 + hour) * 60 + minute) * MINUTE + second * SECOND + micro

NO_TIME = -719162 * DAY  # what Go's zero time is: earlier than all that happens

def unbase64(value):
    return base64.b64decode(value)

def hexadecimal(raw):
    """Return the spelling of a digest."""
    return "sha256:" + raw.hex()

# --- Documents

SUBJECT = object_of({"handle": text, "id": text, "platform": text})
STATE = object_of({"mark": text, "status": text})
SIGNATURE = object_of({"authenticator_data": data, "client_data": data, "signature": data})
NEED = object_of({"all": flag, "hardware": flag, "independent": number, "qualified": map_of(number), "wait": number})
INCLUSION = object_of({"hashes": list_of(data), "index": number})
BODY = object_of({"class": text, "data": anything, "kind": text, "number": number, "prev": digest, "sealed": map_of(digest), "time": instant, "v": text})
EVIDENCE = object_of({"entry": BODY, "proof": INCLUSION, "salt": data})
ANCHOR = object_of({"checkpoint": text, "cosignatures": list_of(text), "entry": BODY, "proof": INCLUSION, "salt": data})
FACTS = object_of(
    {"case": flag, "employee": flag, "engaged": flag, "in_notice": flag, "lifts": text, "newcomer": flag, "ratchet": flag,
     "roles": list_of(text), "tier": text, "vendor": text, "word": list_of(text)})
RULING = object_of(
    {"at": instant, "facts": FACTS, "need": NEED, "policy": digest, "reasons": list_of(object_of({"policy": text, "text": text}))})

# Version 1
COMMAND = object_of({"expect": STATE, "mark": text, "subject": SUBJECT, "verb": text})
ACTION_MEMBERS = {
    "case": text, "category": text, "change": anything, "command": COMMAND, "direction": text, "effect": text,
    "inverse": object_of({"direction": text, "kind": text}), "kind": text, "lossy": text, "nonce": data, "reason": text,
    "reverses": text, "subject": SUBJECT, "tier": text, "until": instant, "v": text}
ACTION_V1 = object_of(ACTION_MEMBERS)
STATEMENT_MEMBERS = {
    "action": digest, "executor": text, "expires": instant, "key": text, "log": text, "nonce": data, "not_before": instant,
    "policy": digest, "request": text, "signer": text, "v": text, "verdict": text}
STATEMENT_V1 = object_of(STATEMENT_MEMBERS)

def signed(statement):
    return object_of({"signature": SIGNATURE, "statement": statement})

WARRANT_V1 = object_of(
    {"action": ACTION_V1, "countersignatures": list_of(signed(STATEMENT_V1)), "ledger": ANCHOR, "people": list_of(EVIDENCE),
     "request": signed(STATEMENT_V1), "ruling": RULING, "v": text, "waited": list_of(EVIDENCE)})

# Version 2
STANDING = object_of({"mark": text, "value": text})
COMMAND_MEMBERS_V2 = object_of({"expect": STANDING, "layer": text, "leave": STANDING, "subject": SUBJECT, "verb": text})
LABEL = re.compile(r"label:[a-z0-9][a-z0-9-]{0,63}\Z")
MARKED = ("takedown", "deactivate", "limit", "label")  # no other verb leaves a mark

def sort_of_layer(layer):
    """Whether a layer is the visibility, a limit or a label; empty for a text that names none."""
    return layer if layer in ("visibility", "limit") else "label" if LABEL.match(layer) else ""

def left(verb, layer):
    """What a verb leaves in a layer."""
    if verb in ("takedown", "limit", "label"):
        return {"visibility": "down", "limit": "limited", "label": "set"}[sort_of_layer(layer)]
    if verb in ("deactivate", "delete"):
        return verb + "d"
    return {"visibility": "up", "limit": "none", "label": "unset"}[sort_of_layer(layer)]

def command_v2(value):
    """A command that says nothing, one that sends a message, or one that leaves in its layer what its verb leaves."""
    if not COMMAND_MEMBERS_V2(value):
        return False
    expect, leave, verb, layer = value["expect"], value["leave"], value["verb"], value["layer"]
    says = verb or leave["mark"] or any(expect.values()) or any(value["subject"].values())
    if not says and layer in ("", "visibility") or verb == "warn":
        return layer == leave["value"] == leave["mark"] == ""
    return sort_of_layer(layer) != "" and leave["value"] == left(verb, layer) and (verb in MARKED or leave["mark"] == "")

ACTION_V2 = object_of(
    {**ACTION_MEMBERS, "command": command_v2, "parameters": digest, "rule": object_of({"number": number, "text": digest}), "veto": number})
STATEMENT_V2 = object_of(
    {**STATEMENT_MEMBERS, "alarm": flag, "batch": digest, "decision": digest, "document": digest, "founding": digest, "session": digest})
SESSION = object_of(
    {"session": object_of(
        {"after": digest, "expires": instant, "founding": digest, "key": text, "log": text, "nonce": data, "not_before": instant,
         "session_key": object_of({"algorithm": text, "public": data}), "v": text, "worker": text}),
     "signature": SIGNATURE})
DECISION = object_of(
    {"decision": object_of(
        {"case": text, "claim": number, "evidence": digest, "language": text, "measures": list_of(digest), "nonce": data,
         "opened": list_of(digest), "reasons": digest, "rule": object_of({"number": number, "set": digest, "text": digest}),
         "scores": list_of(object_of({"name": text, "program": text, "value": number})), "subject": SUBJECT, "v": text,
         "verdict": text, "version": number}),
     "signed": signed(STATEMENT_V2)})
WARRANT_V2 = object_of(
    {"action": ACTION_V2, "authority": list_of(EVIDENCE), "countersignatures": list_of(signed(STATEMENT_V2)), "decision": maybe(DECISION),
     "ledger": ANCHOR, "people": list_of(EVIDENCE), "request": signed(STATEMENT_V2), "requested": EVIDENCE, "ruling": RULING,
     "sessions": list_of(SESSION), "v": text, "waited": list_of(EVIDENCE)})

# What entries hold is of either version.
ACTION = by_version("countersign/action/v2", ACTION_V2, ACTION_V1)
SIGNED = signed(by_version("countersign/statement/v2", STATEMENT_V2, STATEMENT_V1))

# Data of the desk's entries
ACT = object_of(
    {"case": flag, "category": text, "direction": text, "effect": text, "founding": flag, "kind": text, "lifts": text, "part": text,
     "platform": text, "tier": text, "verb": text})
REQUEST_ENTRY = object_of(
    {"act": ACT, "at": instant, "decided?": SIGNED, "law?": text, "need": NEED, "request": text, "sessions?": list_of(SESSION),
     "signed": SIGNED, "status": text})
VERDICT_ENTRY = object_of(
    {"alarm": flag, "at": instant, "law?": text, "lifts": text, "need": NEED, "request": text, "signed": SIGNED, "status": text, "tier": text})
WARRANT_ENTRY = object_of(
    {"countersigners": list_of(text), "direction": text, "executor": text, "governance_number": number, "kind": text, "policy": digest,
     "request": text, "requester": text, "tier": text, "warrant": digest})

# Data of governance entries
PUBLIC_KEY = object_of({"algorithm": text, "credential": data, "hardware": flag, "public": data})
TRUST = object_of(
    {"endings_per_hour": number, "executor": text, "executor_key": data, "origins": list_of(text), "raises_per_hour": number,
     "relying_party": text, "undo_window": number})
BUDGET = object_of({"direction": text, "family?": text, "limit": number, "per": text, "tier": text, "undo": flag, "window": text})
FOUNDING_MEMBERS = {
    "budgets": list_of(BUDGET), "log_key": text, "nonce": data, "officers": list_of(object_of({"key": PUBLIC_KEY, "worker": text})),
    "origin": text, "policy": map_of(text), "recovers": text, "time": instant, "trust": TRUST, "v": text}
CLOSED = object_of(
    {"founding": by_version(
        "countersign/founding/v2", object_of({**FOUNDING_MEMBERS, "formats": number, "laws": number}), object_of({**FOUNDING_MEMBERS, "laws?": number})),
     "signatures": list_of(SIGNATURE)})
RECORD = object_of(
    {"last": instant, "manager": text, "notice": instant, "roles": list_of(text), "site": text, "start": instant, "team": text,
     "vendor": text, "worker": text, "zone": text})
ROW = object_of(
    {"admission": number, "founding": flag, "index": number, "past": list_of(object_of({"manager": text, "until": instant, "vendor": text})),
     "row": object_of({"record": RECORD, "sealed": map_of(digest)}), "since": instant})
AUTHORITY = object_of(
    {"action": ACTION, "countersignatures": list_of(SIGNED), "request": SIGNED, "sessions?": list_of(SESSION),
     "waited": object_of({"checkpoint": text, "entries": list_of(EVIDENCE)})})

def record(state):
    """The executor's record of a change that it took, in which states have a shape."""
    return object_of(
        {"after": state, "at": instant, "before": state, "duty": text, "executor": text, "kind": text, "lift_at": instant, "lifted": text,
         "nonce": data, "outcome": text, "request": text, "sequence": number, "sight": lambda value: value is None, "taken": AUTHORITY,
         "text": text, "type": text, "v": text, "warrant": digest})

EXECUTION = object_of(
    {"execution": by_version("countersign/execution/v2", record(object_of({"layer": text, "mark": text, "value": text})), record(STATE)),
     "signature": data})
ENGAGEMENT = object_of({"last": instant, "op": text, "worker": text})
KEYS = object_of({"enrol": list_of(object_of({"key": PUBLIC_KEY, "possession": SIGNATURE, "worker": text})), "revoke": list_of(text)})
VENDOR = object_of({"id": text, "name": text, "ratchet": number})
# Only settings of these parts belong into a warrant; the members of the others are empty.
SETTING = object_of(
    {"budgets": lambda value: value == [], "formats?": number, "laws?": number, "mode": lambda value: value is None, "of": text, "order": lambda value: value is None,
     "platform": lambda value: value is None, "policy": map_of(text), "raise": lambda value: value is None, "trust": maybe(TRUST),
     "unlock": lambda value: value is None, "unranked?": list_of(text), "vendor": maybe(VENDOR)})

FORMATS = {
    "countersign/warrant/v1": {
        "number": 1,
        "shape": WARRANT_V1,
        "core": ("action", "countersignatures", "request", "ruling", "v"),
        "action": "countersign/action/v1",
        "statement": "countersign/statement/v1",
    },
    "countersign/warrant/v2": {
        "number": 2,
        "shape": WARRANT_V2,
        "core": ("action", "countersignatures", "decision", "request", "ruling", "sessions", "v"),
        "action": "countersign/action/v2",
        "statement": "countersign/statement/v2",
    },
}

# --- Entries and their place in the ledger

def leaf_of(entry, salt):
    """Check a body by itself and return the leaf that commits to it (doc/ledger-format.md). Its
    class, kind and data are compared later with what each entry of a warrant must be."""
    governance = entry["class"] == "governance"
    need(entry["v"] == "countersign/entry/v1", "entry", "an entry's version is unknown")
    need(0 <= entry["number"] <= MAX_NUMBER, "entry", "an entry's number is out of range")
    need(entry["time"] != "", "entry", "an entry has no time")
    need((entry["prev"] != "") == (governance and entry["number"] > 0), "entry", "prev does not fit the entry's class and number")
    for name, commitment in entry["sealed"].items():
        need(re.match(r"[!#-\[\]-~]{1,128}\Z", name) and commitment != "", "entry", "a sealed field is malformed")
    need(len(salt) == 32, "entry", "a salt is not 32 bytes")
    commitment = base64.b64encode(sha256(b"countersign/entry/v1\n", salt, canonical(entry))).decode()
    return f"countersign/leaf/v1\n{entry['class']}\n{entry['number']}\n{commitment}\n".encode()

def check_inclusion(evidence, checkpoint):
    """Check that the ledger of a checkpoint holds an entry, and return the entry's leaf."""
    leaf = leaf_of(evidence["entry"], unbase64(evidence["salt"]))
    index, path = evidence["proof"]["index"], [unbase64(h) for h in evidence["proof"]["hashes"]]
    need(all(len(h) == 32 for h in path), "inclusion", "a hash of a proof is not 32 bytes")
    need(0 <= index < checkpoint["size"], "inclusion", "an entry's index is not below the checkpoint's size")
    # RFC 9162, section 2.1.3.2
    at, last, root = index, checkpoint["size"] - 1, sha256(b"\x00", leaf)
    for h in path:
        need(last > 0, "inclusion", "a proof has too many hashes")
        if at & 1 or at == last:
            root = sha256(b"\x01", h, root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = sha256(b"\x01", root, h)
        at, last = at >> 1, last >> 1
    need(last == 0 and root == checkpoint["root"], "inclusion", f"the ledger does not hold entry {index}")
    return leaf

# --- Checkpoint

def parse_log_key(line):
    """Return name, key id and public key of a log's verifier key."""
    line = line.removesuffix("\n")
    name, _, rest = line.partition("+")
    key_id, _, encoded = rest.partition("+")
    need(data(encoded), "log-key", "the log's key is not in base64")
    key = unbase64(encoded)
    need(len(key) == 33 and key[0] == 1 and key_id == sha256(name.encode() + b"\n", key)[:4].hex(), "log-key", "the log's key is malformed")
    need(origin_like(name), "log-key", "the log's name is not an origin")
    return name, bytes.fromhex(key_id), key[1:]

def origin_like(name):
    """Whether a text may be a log's origin, which is not empty and was cut off before a plus sign."""
    space = any(c.isspace() or unicodedata.category(c) == "Cc" for c in name)
    return not space and len(name.encode()) <= 255 and "://" not in name and not name.startswith("/") and not name.endswith("/")

def read_checkpoint(anchor, log_key, origin):
    """Check the signed checkpoint of a warrant, and return its size and root."""
    name, key_id, public = parse_log_key(log_key)
    need(name == origin, "checkpoint", "the log's key is not one of the desk's ledger")
    need(anchor["cosignatures"] == [], "checkpoint", "the warrant carries cosignatures, and no witness was named")
    m = re.match(r"([^\n]+)\n(0|[1-9][0-9]{0,15})\n([^\n]+)\n\n\u2014 ([^ \n]+) ([^\n]+)\n\Z", anchor["checkpoint"])
    need(m, "checkpoint", "the checkpoint is not origin, size, root and one signature")
    size, root, signature = int(m[2]), m[3], m[5]
    need(m[1] == origin and m[4] == origin, "checkpoint", "the checkpoint is of another log")
    need(size <= MAX_NUMBER, "checkpoint", "the checkpoint's size is out of range")
    need(data(root), "checkpoint", "the checkpoint's root is not in base64")
    need(data(signature) and unbase64(signature)[:4] == key_id, "checkpoint", "the checkpoint is signed by another key")
    signed = anchor["checkpoint"].partition("\n\n")[0] + "\n"
    need(ed25519_signed(public, signed.encode(), unbase64(signature)[4:]), "checkpoint", "the log did not sign the checkpoint")
    return {"size": size, "root": unbase64(root)}

# --- Signatures

def ed25519_signed(public, message, signature):
    """Whether an Ed25519 key signed a message."""
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        return True
    except (ValueError, InvalidSignature):
        return False

PRIME = 2**255 - 19
SMALL_ORDER = {0, 1, PRIME - 1, 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
               0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7}

def person_signed(public, message, signature):
    """ed25519_signed under a key for which not anybody can sign."""
    y = int.from_bytes(public, "little") & (1 << 255) - 1
    return len(public) == 32 and y < PRIME and y not in SMALL_ORDER and ed25519_signed(public, message, signature)

def p256_signed(public, message, signature):
    """Whether a P-256 key, an uncompressed point, signed a message (ECDSA, SHA-256, DER)."""
    try:
        need(public[:1] == b"\x04", "signature", "the key is not an uncompressed point of P-256")
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        return True
    except (ValueError, InvalidSignature):
        return False

def check_signature(key, challenge, signature, trust):
    """Check a person's signature over a challenge of 32 bytes."""
    algorithm, public = key["algorithm"], unbase64(key["public"])
    authenticator, client, signed = (unbase64(signature[name]) for name in ("authenticator_data", "client_data", "signature"))
    if algorithm == "ed25519":
        need(not authenticator and not client, "signature", "a file key's signature has no authenticator data")
        need(person_signed(public, challenge, signed), "signature", "the signature does not verify")
        return
    check_client_data(client, challenge, trust["origins"])
    need(len(authenticator) >= 37, "signature", "the authenticator data is too short")
    flags = authenticator[32]
    need(authenticator[:32] == sha256(trust["relying_party"].encode()), "signature", "the assertion is for another relying party")
    need(flags & 0x01 and flags & 0x04, "signature", "the authenticator did not verify the user")
    need(not flags & 0x10 or flags & 0x08, "signature", "the authenticator's backup flags contradict each other")
    need(not (key["hardware"] and flags & 0x08), "signature", "a key that is bound to hardware may be copied")
    verify = {"webauthn-eddsa": person_signed, "webauthn-es256": p256_signed}.get(algorithm)
    need(verify, "signature", f"the key's algorithm {algorithm!r} is unknown")
    need(verify(public, authenticator + sha256(client), signed), "signature", "the signature does not verify")

def once(pairs):
    """Return an object whose names occur once each."""
    names = {name for name, _ in pairs}
    if len(names) != len(pairs):
        raise ValueError("a member occurs twice")
    return dict(pairs)

def no_constant(spelt):
    raise ValueError(f"{spelt} is not JSON")

MAX_CLIENT_DATA = 200  # levels

def deeper(raw, levels):
    """Whether objects and arrays in a JSON text nest deeper than so many levels."""
    depth = 0
    for c in re.findall(rb"[{}\[\]]", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", raw, flags=re.DOTALL)):
        depth += 1 if c in b"{[" else -1
        if depth > levels:
            return True
    return False

def check_client_data(raw, challenge, origins):
    """Check what a browser says of a signature. It may say more than is read here."""
    need(not deeper(raw, MAX_CLIENT_DATA), "signature", "the client data nests too deeply")
    try:
        client = json.loads(raw.decode("utf-8"), object_pairs_hook=once, parse_int=str, parse_float=str, parse_constant=no_constant)
        canonical(client)  # refuses half a surrogate pair
    except (ValueError, RecursionError):
        raise Refused("signature", "the client data is malformed")
    need(isinstance(client, dict), "signature", "the client data is malformed")
    wanted = base64.urlsafe_b64encode(challenge).decode().rstrip("=")
    need(client.get("type") == "webauthn.get", "signature", "the client data is of another type")
    need(client.get("challenge") == wanted, "signature", "the assertion signs another challenge")
    need(text(client.get("origin")) and client["origin"] in origins, "signature", "the assertion was made on another page")
    need(client.get("crossOrigin") in (None, False) and "topOrigin" not in client, "signature", "the assertion was made inside another site's page")

# --- Evidence: what the governance entries say of keys, people and what the desk trusts

def key_id(key):
    """Return the name of a public key."""
    named = sha256(b"countersign/key/v1\n", key["algorithm"].encode(), b"\n", unbase64(key["public"]))
    return "key_" + named[:16].hex()

def new_state(root):
    """Return what is known before entry 0. trail names the entries on which a fact rests."""
    return {"root": root, "workers": {}, "keys": {}, "vendors": {}, "trail": {}}

def follow(state, fact, number):
    state["trail"].setdefault(fact, []).append(number)

def fold(state, entry):
    """Fold the effect of one governance entry into a state."""
    n, at, kind, content = entry["number"], micros(entry["time"]), entry["kind"], entry["data"]
    if kind == "founding":
        need(n == 0, "evidence", "a desk is founded once")
        fold_founding(state, content)
    elif kind == "row":
        need(ROW(content), "members", f"governance entry {n} is not a row")
        fold_row(state, content, at, n)
    elif kind == "taken":
        need(EXECUTION(content), "members", f"governance entry {n} is not a change that the executor took")
        e = content["execution"]
        check_taken(e)
        fold_change(state, e["taken"]["action"], min(at, micros(e["at"])), n, taken=True)
    else:
        need(AUTHORITY(content), "members", f"governance entry {n} is not a change of the desk")
        need(content["action"]["kind"] == kind, "evidence", f"governance entry {n} is of another kind than its action")
        fold_change(state, content["action"], at, n)

def fold_founding(state, content):
    """Entry 0 is believed, since its hash is what the caller trusts."""
    f = content["founding"]
    state.update(origin=f["origin"], log_key=f["log_key"], policy=f["policy"], trust=f["trust"], laws=max(1, f.get("laws", 1)), formats=max(1, f.get("formats", 1)))
    begin = micros(f["time"])
    for officer in f["officers"]:
        record = {"worker": officer["worker"], "vendor": "", "manager": "", "roles": ["officer"], "start": f["time"], "last": "", "notice": ""}
        state["workers"][officer["worker"]] = {"record": record, "admitted": begin, "founding": True, "last": NO_TIME, "ended": NO_TIME, "past": []}
        state["keys"][key_id(officer["key"])] = {"key": officer["key"], "worker": officer["worker"], "enrolled": begin, "revoked": NO_TIME}
        state["trail"]["worker " + officer["worker"]] = [0]
        state["trail"]["key " + key_id(officer["key"])] = [0]
    state["trail"].update(policy=[0], trust=[0])

def fold_row(state, content, at, n):
    record = content["row"]["record"]
    past = [{**tie, "until": micros(tie["until"]) if tie["until"] else at} for tie in content["past"]]
    admitted = micros(content["since"]) if content["since"] else at
    state["workers"][record["worker"]] = {"record": record, "admitted": admitted, "founding": content["founding"],
                                          "last": micros(record["last"]), "ended": NO_TIME, "past": past}
    state["trail"]["worker " + record["worker"]] = [n]

def check_taken(e):
    """Check the record of a change that its signer handed straight to the executor."""
    need(e["v"] in ("countersign/execution/v1", "countersign/execution/v2") and e["kind"] == "taken" and e["duty"] == "watch" and e["sequence"] >= 0
         and e["executor"] and e["request"] and e["at"] and e["taken"]["request"]["statement"]["request"] == e["request"],
         "evidence", "the executor's record is not one of a change that it took")
    need(not (e["outcome"] or e["nonce"] or e["warrant"] or e["lifted"] or e["lift_at"] or any([*e["before"].values(), *e["after"].values()])),
         "evidence", "the executor's record of a change that it took says more")

IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")

def fold_change(state, action, at, n, taken=False):
    """Fold in a change of the desk, from an instant on. The executor takes only what relieves."""
    kind, change = action["kind"], action["change"]
    need(kind in ("desk.engagement", "desk.key", "desk.change"), "evidence", f"governance entry {n} is of a kind on which no warrant rests")
    if kind == "desk.engagement":
        need(ENGAGEMENT(change), "members", f"governance entry {n} is not a change of an engagement")
        op, worker = change["op"], state["workers"].get(change["worker"])
        need(op in ("end", "extend", "reinstate") and (op == "extend") == (change["last"] != ""), "evidence", "the change of an engagement is malformed")
        need(worker, "evidence", "an engagement is changed that no entry introduces")
        need(op == "end" or not taken, "evidence", "the executor took a change that does not relieve")
        if op == "extend":
            worker["last"] = micros(change["last"])
        else:
            worker["ended"] = at if op == "end" else NO_TIME
        follow(state, "worker " + change["worker"], n)
    elif kind == "desk.key":
        need(KEYS(change), "members", f"governance entry {n} is not a change of keys")
        enrolled, revoked = [key_id(e["key"]) for e in change["enrol"]], change["revoke"]
        names = enrolled + revoked
        need(1 <= len(names) <= 50 and not (enrolled and revoked) and len(set(names)) == len(names), "evidence", "the change of keys is malformed")
        need(all(e["worker"] and well_formed(e["key"]) for e in change["enrol"]), "evidence", "an enrolled key is malformed")
        need(all(k in state["keys"] for k in revoked), "evidence", "a key is revoked that no entry introduces")
        need(not (enrolled and taken), "evidence", "the executor took a change that does not relieve")
        for name, e in zip(enrolled, change["enrol"]):
            state["keys"][name] = {"key": e["key"], "worker": e["worker"], "enrolled": at, "revoked": NO_TIME}
        for name in revoked:
            state["keys"][name]["revoked"] = at
        for name in names:
            follow(state, "key " + name, n)
    else:
        need(SETTING(change), "members", f"governance entry {n} is not a setting on which a warrant rests")
        need(not taken, "evidence", "the executor took a change that does not relieve")
        fold_setting(state, change, at, n)

def fold_setting(state, change, at, n):
    part, vendor, trust, laws, formats = change["of"], change["vendor"], change["trust"], change.get("laws", 0), change.get("formats", 0)
    is_set = {"policy": bool(change["policy"]), "trust": trust is not None, "vendors": vendor is not None, "laws": laws != 0, "formats": formats != 0}
    need(sum(is_set.values()) == 1 and is_set.get(part), "evidence", "a setting is not of one part")
    unranked = change.get("unranked")
    need(unranked is None or part == "policy" and unranked and unranked == sorted(set(unranked)), "evidence", "the platforms without ranks are malformed")
    if part == "policy":
        state["policy"] = change["policy"]
    elif part == "trust":
        need(trust["executor"] and len(unbase64(trust["executor_key"])) == 32
             and min(trust["endings_per_hour"], trust["raises_per_hour"], trust["undo_window"]) >= 1, "evidence", "what the desk trusts is malformed")
        if state["formats"] >= 2 and trust["relying_party"] != state["trust"]["relying_party"]:
            state["trail"].setdefault("site", []).append(n)
            for k in state["keys"].values():
                if k["key"]["algorithm"] != "ed25519" and k["revoked"] == NO_TIME:
                    k["revoked"] = at
        state["trust"] = trust
    elif part == "laws":
        need(2 <= laws <= 3, "evidence", f"the laws {laws} are unknown")
        state["laws"] = laws
    elif part == "formats":
        need(formats == 2, "evidence", f"the formats {formats} are unknown")
        state["formats"], state["renewed"] = formats, at
    else:
        need(IDENTIFIER.match(vendor["id"]) and 0 <= vendor["ratchet"] <= 365 and good_text(vendor["name"]), "evidence", "a vendor is malformed")
        state["vendors"][vendor["id"]] = vendor
        part = "vendor " + vendor["id"]
    state["trail"][part] = [n]

def well_formed(key):
    public = unbase64(key["public"])
    if key["algorithm"] == "webauthn-es256":
        return len(public) == 65 and public[0] == 4
    return key["algorithm"] in ("ed25519", "webauthn-eddsa") and len(public) == 32

def rests_on(state, people, keys, at):
    """Return the numbers of the entries on which a warrant of these people and keys rests."""
    facts = ["policy", "trust", "site", "laws", "formats"] + ["key " + k for k in keys]
    for person in people:
        for w in [person] + managers(state, person, at):
            facts.append("worker " + w)
            if w in state["workers"]:
                facts.append("vendor " + state["workers"][w]["record"]["vendor"])
    return sorted({0}.union(*(state["trail"].get(fact, []) for fact in facts)))

# --- People: engagement and independence

def ends(worker):
    """Return when an engagement ends, NO_TIME if it is open."""
    times = [t for t in (worker["last"], worker["ended"]) if t != NO_TIME]
    return min(times, default=NO_TIME)

def settles(worker):
    """Return when somebody is no newcomer any more."""
    start = micros(worker["record"]["start"])
    return (start if worker["founding"] else max(start, worker["admitted"])) + SETTLE

def ties(worker, at):
    """Return vendor and manager, the present ones and those that still count at an instant."""
    past = [(t["vendor"], t["manager"]) for t in worker["past"] if at < t["until"] + SETTLE]
    return [(worker["record"]["vendor"], worker["record"]["manager"])] + past

def managers(state, person, at):
    """Return everybody above somebody, by the ties that count at an instant."""
    seen, queue = {person}, [person]
    for w in queue:
        for _, manager in ties(state["workers"][w], at) if w in state["workers"] else []:
            if manager and manager not in seen:
                seen.add(manager)
                queue.append(manager)
    return queue[1:]

def standing(state, person, at):
    """Return the facts about somebody at an instant."""
    worker = state["workers"].get(person)
    need(worker, "engagement", f"{person} is no worker of this desk")
    record, end = worker["record"], ends(worker)
    start, vendor, notice = micros(record["start"]), record["vendor"], micros(record["notice"])
    known = vendor == "" or vendor in state["vendors"]
    ratchet = state["vendors"][vendor]["ratchet"] if vendor in state["vendors"] else 14
    return {
        "engaged": start != NO_TIME and start <= at and (end == NO_TIME or at < end) and known,
        "employee": all(v == "" for v, _ in ties(worker, at)),
        "vendor": vendor,
        "roles": record["roles"],
        "in_notice": notice != NO_TIME and at >= notice,
        "ratchet": end != NO_TIME and at >= end - ratchet * DAY,
        "newcomer": at < settles(worker),
    }

def dependent(state, a, b, at):
    """Return why two people are not independent of each other at an instant; "" if they are."""
    if a == b:
        return f"{a} cannot countersign their own act"
    people = [state["workers"][a], state["workers"][b]]
    for w in people:
        if at < (micros(w["record"]["start"]) if w["founding"] else settles(w)):
            return f"{w['record']['worker']} is independent of nobody yet"
    for vendor, manager in ties(people[0], at):
        for other_vendor, other_manager in ties(people[1], at):
            if vendor and vendor == other_vendor:
                return f"{a} and {b} are both with the vendor {vendor}"
            if manager and manager == other_manager:
                return f"{a} and {b} report to the same manager"
    if b in managers(state, a, at) or a in managers(state, b, at):
        return f"one of {a} and {b} is in the other's line of managers"
    return ""

# --- Action

# kind: sort, verbs, direction, effect, whether it has an end (None: it may), inverse and its
# direction, whether a session signs it
CATALOGUE = {
    "account.takedown": ("account", ["takedown"], "burdening", "reversible", False, "account.restore", "relieving", True),
    "account.deactivate": ("account", ["deactivate"], "burdening", "reversible", False, "account.restore", "relieving", True),
    "account.suspend": ("account", ["takedown"], "burdening", "reversible", True, "account.restore", "relieving", True),
    "account.restore": ("account", ["restore", "reactivate"], "relieving", "reversible", False, "account.takedown", "burdening", True),
    "account.delete": ("account", ["delete"], "burdening", "one-way", False, "", "", False),
    "account.contain": ("account", ["takedown"], "burdening", "reversible", True, "account.restore", "relieving", False),
    "content.remove": ("content", ["takedown"], "burdening", "reversible", False, "content.restore", "relieving", True),
    "content.restore": ("content", ["restore"], "relieving", "reversible", False, "content.remove", "burdening", True),
    "account.limit": ("account", ["limit"], "burdening", "reversible", None, "account.unlimit", "relieving", True),
    "account.unlimit": ("account", ["unlimit"], "relieving", "reversible", False, "account.limit", "burdening", True),
    "account.label": ("account", ["label"], "burdening", "reversible", False, "account.unlabel", "relieving", True),
    "account.unlabel": ("account", ["unlabel"], "relieving", "reversible", False, "account.label", "burdening", True),
    "content.limit": ("content", ["limit"], "burdening", "reversible", None, "content.unlimit", "relieving", True),
    "content.unlimit": ("content", ["unlimit"], "relieving", "reversible", False, "content.limit", "burdening", True),
    "content.label": ("content", ["label"], "burdening", "reversible", False, "content.unlabel", "relieving", True),
    "content.unlabel": ("content", ["unlabel"], "relieving", "reversible", False, "content.label", "burdening", True),
    "account.warn": ("account", ["warn"], "burdening", "said", False, "", "", True),
}
REPLACING = ("account.takedown", "account.suspend", "account.limit", "content.limit")  # kinds that take the place of a timed measure
EMERGENCY = "account.contain"
TIERS = ["standard", "protected", "critical"]
TURNS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # Bidi_Control

def good_text(s):
    """Whether a text has no control character but line feeds, turns no writing, and is short."""
    return len(s.encode()) <= 2000 and not any(c in TURNS or c != "\n" and unicodedata.category(c) == "Cc" for c in s)

def command_of(action):
    """Return the command of an action of either version as version 1 writes it, with its layer."""
    command = action["command"]
    if "leave" not in command:
        return {**command, "layer": "visibility"}
    expect = {"mark": command["expect"]["mark"], "status": command["expect"]["value"]}
    return {"expect": expect, "layer": command["layer"], "mark": command["leave"]["mark"], "subject": command["subject"], "verb": command["verb"]}

def check_action(action, version):
    """Check that an action is well formed by itself."""
    command, subject = command_of(action), action["subject"]
    mark = command["mark"]
    need(action["v"] == version, "action", "the action's version is not the warrant's")
    need(action["kind"] in CATALOGUE, "action", "the action's kind is not one of a platform")
    sort, verbs, direction, effect, timed, inverse, inverse_direction, _ = CATALOGUE[action["kind"]]
    need(action["tier"] in TIERS, "action", "the action's tier is unknown")
    need(len(unbase64(action["nonce"])) == 16, "action", "the action's nonce is not 16 bytes")
    need(good_text(action["reason"]) and good_text(action["case"]), "action", "reason or case is not plain text")
    need(action["category"] in ("", "legal", "child-safety"), "action", "the action's category is unknown")
    need(action["change"] == {}, "action", "only changes of the desk have a change")
    need(subject["platform"] not in ("", "desk") and subject["id"], "action", "the subject is not one of a platform")
    need(command["subject"] == subject, "action", "the command's subject is not the action's")
    need(command["verb"] in verbs, "action", "the command's verb does not fit the kind")
    need(action["direction"] == direction, "action", "the direction is not the kind's")
    need(action["inverse"] == {"kind": inverse, "direction": inverse_direction}, "action", "the inverse is not the kind's")
    need(timed is None or (action["until"] != "") == timed, "action", "an end does not fit the kind")
    effects = ["reversible", "lossy"] if effect == "reversible" else [effect]
    need(action["effect"] in effects and (action["effect"] == "lossy") == (action["lossy"] != ""), "action", "the effect does not fit the kind")
    need(effect != "said" or not (mark or any(command["expect"].values())), "action", "a message expects and leaves no state")
    need(direction == "relieving" or mark or command["verb"] == "delete" or effect == "said", "action", "a measure leaves a mark")
    need("rule" in action or effect != "said", "action", "the kind is of version 2")
    layers = {"limit": "limit", "unlimit": "limit", "label": "label", "unlabel": "label", "warn": ""}
    need(sort_of_layer(command["layer"]) == layers.get(command["verb"], "visibility"), "action", "the verb does not change the layer")
    need(direction == "burdening" or not mark, "action", "lifting a measure leaves no mark")
    replaces = (command["verb"], command["expect"]["status"]) in (("takedown", "down"), ("limit", "limited")) and ours(command["expect"]["mark"])
    need(not replaces or action["kind"] in REPLACING, "action", "this kind takes no other measure's place")
    need(replaces or starts(command, sort), "action", "the verb does not start from the expected state")
    if action["reverses"]:
        need(direction == "relieving", "action", "only relieving acts reverse a request")
        need(command["expect"]["mark"] == "CSGN-" + action["reverses"], "action", "an undo lifts another mark than that of the request it reverses")
    if "rule" in action:
        rule = action["rule"]
        need(rule["number"] >= 0 and (rule["number"] == 0) == (rule["text"] == ""), "action", "a rule is named by its number and its text's digest")
        need(action["parameters"] == "" and action["veto"] == 0, "action", "no kind has parameters or a veto")

def ours(mark):
    """Whether a mark has our form and names a request."""
    return mark.startswith("CSGN-") and mark != "CSGN-"

def starts(command, sort):
    """Whether a verb may start from the state that a command expects."""
    status, mark, verb = command["expect"]["status"], command["expect"]["mark"], command["verb"]
    if verb == "takedown":
        return mark == "" and (status == "up" or sort == "account" and status == "deactivated")
    if verb == "deactivate":
        return mark == "" and status == "up"
    if verb in ("limit", "label"):
        return mark == "" and status == {"limit": "none", "label": "unset"}[verb]
    return {"restore": status == "down", "reactivate": status == "deactivated", "unlimit": status == "limited", "unlabel": status == "set"}.get(verb, True)

# --- Statements

REQUEST = re.compile(r"req_[0-9a-hjkmnp-tv-z]{25}[048cgmrw]\Z")

def digest_of(value):
    return hexadecimal(sha256(canonical(value)))

def entered(warrant):
    """Return when the ledger got the request, as far as version 2 believes it: not after the ruling."""
    return min(micros(warrant["requested"]["entry"]["time"]), micros(warrant["ruling"]["at"]))

def own_time(warrant, who):
    """Return when the countersignature of somebody became effective: at its own entry if a wait
    is counted from that, else at the ruling. check_waited checks the entries."""
    names, at = [c["statement"]["signer"] for c in warrant["countersignatures"]], micros(warrant["ruling"]["at"])
    i = names.index(who)
    return min(micros(warrant["waited"][i]["entry"]["time"]), at) if i < len(warrant["waited"]) else at

def of_ledger(state, st):
    """Whether a statement is for the desk's ledger."""
    if "founding" in st:
        return st["log"] == state["origin"] and st["founding"] == state["root"]
    return st["log"] == (state["origin"] if state["laws"] < 2 else f"{state['origin']}#{state['root']}")

def live_key(state, st, at):
    """Return the key that a statement names, which must be its signer's and live."""
    key = state["keys"].get(st["key"])
    need(key and key["worker"] == st["signer"], "key", f"the key {st['key']} is not enrolled for {st['signer']}")
    live = key["enrolled"] != NO_TIME and key["enrolled"] <= at and (key["revoked"] == NO_TIME or at < key["revoked"])
    need(live, "key", f"the key {st['key']} of {st['signer']} was not live")
    return key["key"]

def check_statement(state, warrant, signed, verdict, version):
    """Check one statement and its signature at the time of the ruling. Return its signer."""
    st, action, at = signed["statement"], warrant["action"], micros(warrant["ruling"]["at"])
    who, first, mark = st["signer"], warrant["request"]["statement"], command_of(action)["mark"]
    need(st["v"] == version, "statement", f"the statement of {who} is of another version")
    need(of_ledger(state, st), "statement", f"the statement of {who} is for another ledger")
    need(REQUEST.match(st["request"]) and st["request"] == first["request"], "statement", f"the statement of {who} is about another request")
    need(st["action"] == digest_of(action), "statement", f"the statement of {who} is about another action")
    need(st["verdict"] == verdict, "statement", f"the statement of {who} does not say {verdict}")
    need(st["executor"] == state["trust"]["executor"], "statement", f"the statement of {who} is for another executor")
    need(st["policy"] and len(unbase64(st["nonce"])) == 32, "statement", f"the statement of {who} has no policy or no nonce")
    need(mark in ("", "CSGN-" + st["request"]), "statement", "the command would leave another mark than the request's")
    if "session" in st:
        need(not (st["document"] or st["batch"] or st["alarm"]), "statement", f"the statement of {who} is about more than an action, or raises an alarm")
        need(st["decision"] == first["decision"], "statement", f"the statement of {who} names another decision than the request's")
    begins, expires = micros(st["not_before"]), micros(st["expires"])
    need(begins <= at < expires, "window", f"the statement of {who} was not valid at the time of the ruling")
    critical = action["tier"] == "critical"
    life = (4 if critical else 24) * HOUR + warrant["ruling"]["need"]["wait"] * SECOND
    need(expires - begins <= life, "window", f"the statement of {who} would be good for too long")
    key, stands = live_key(state, st, at), at
    if action["direction"] == "relieving":
        stands = begins if "session" not in st else own_time(warrant, who) if verdict == "countersign" else entered(warrant)
    facts = standing(state, who, stands)
    need(facts["engaged"], "engagement", f"{who} was not engaged")
    if action["kind"] == EMERGENCY:
        need(not facts["in_notice"] and not facts["ratchet"], "engagement", f"{who} was about to leave, and made an emergency act")
    check_signed(state, warrant, signed, key, verdict != "countersign" and CATALOGUE[action["kind"]][7])
    return {"worker": who, "key": st["key"], "hardware": key["hardware"] and not st.get("session"), "facts": facts}

def check_signed(state, warrant, signed, key, by_session):
    """Check the signature of a statement: by the person's own key, or by that of a session,
    where it may be a session's."""
    st = signed["statement"]
    challenge = sha256(st["v"].encode() + b"\n", canonical(st))
    if not st.get("session"):
        return check_signature(key, challenge, signed["signature"], state["trust"])
    session = check_session(state, warrant, st, key)
    tiers = (warrant["action"]["tier"], warrant["ruling"]["facts"]["tier"])
    need(by_session and tiers == ("standard", "standard"), "session", f"no session signs what {st['signer']} signed")
    check_session_signature(session, challenge, signed["signature"])

# --- Sessions and decisions (version 2)

def check_session(state, warrant, st, key):
    """Check the session that a statement names, and return its key."""
    who = st["signer"]
    named = [s for s in warrant["sessions"] if digest_of(s["session"]) == st["session"]]
    need(named, "session", f"the session under which {who} signed is not there")
    session, signature = named[0]["session"], named[0]["signature"]
    need(session["v"] == "countersign/session/v1", "session", "the session's version is unknown")
    need(session["worker"] and session["worker"] == who and session["key"] == st["key"], "session", f"the session is of somebody else than {who}, or of another key")
    need(session["log"] == state["origin"] and session["founding"] == state["root"], "session", "the session is for another ledger")
    need(session["after"], "session", "the session names no entry of the governance chain")
    need(len(unbase64(session["nonce"])) == 32, "session", "the session's nonce is not 32 bytes")
    begins, expires = micros(session["not_before"]), micros(session["expires"])
    need(session["not_before"] and session["expires"] and 0 < expires - begins <= 10 * HOUR, "session", "the session is longer than ten hours")
    need(begins <= micros(st["not_before"]) < expires, "session", f"the statement of {who} begins outside of its session")
    need(begins <= entered(warrant) < expires, "session", f"the ledger got what {who} signed outside of its session")
    check_signature(key, sha256(b"countersign/session/v1\n", canonical(session)), signature, state["trust"])
    return session["session_key"]

def check_session_signature(key, challenge, signature):
    """Check a signature by a session's key over a challenge of 32 bytes."""
    public, signed = unbase64(key["public"]), unbase64(signature["signature"])
    need(not signature["authenticator_data"] and not signature["client_data"], "signature", "a session's signature has no authenticator data")
    if key["algorithm"] == "p256":
        need(len(signed) == 64, "signature", "the signature is not r and s of 32 bytes each")
        pair = encode_dss_signature(int.from_bytes(signed[:32], "big"), int.from_bytes(signed[32:], "big"))
        return need(p256_signed(public, challenge, pair), "signature", "the signature does not verify")
    need(key["algorithm"] == "ed25519", "signature", "the algorithm of the session's key is unknown")
    need(person_signed(public, challenge, signed), "signature", "the signature does not verify")

def told(session):
    """Say which session signed: its name in statements, whose it is, the own key that
    certified it, and its time."""
    s = session["session"]
    return {"session": digest_of(s), "worker": s["worker"], "certified_by": s["key"], "begins": s["not_before"], "expires": s["expires"]}

def check_sessions(warrant):
    """Check that exactly the sessions are there that statements name; whether those that they
    name are there is told when these are checked."""
    have = [digest_of(s["session"]) for s in warrant["sessions"]]
    by = [warrant["request"]] + ([warrant["decision"]["signed"]] if warrant["decision"] else [])
    need(have == sorted(set(have)) and {s["statement"]["session"] for s in by} >= set(have), "session", "the warrant carries sessions that no statement names, or not sorted")

LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
CASE_VERDICTS = ("no-violation", "violation", "duplicate", "not-for-us", "need-more")

def check_decision(state, warrant):
    """Check the decision that a measure belongs to, and the statement that signs it."""
    action, first, decision = warrant["action"], warrant["request"]["statement"], warrant["decision"]
    if action["case"] == "" and first["decision"] == "" and decision is None:
        return need(action["rule"]["number"] == 0, "decision", "the action names a rule but no case")
    need(action["case"] and first["decision"] and decision, "decision", "a measure of a case comes with its decision, and an act without a case with none")
    d, st, at = decision["decision"], decision["signed"]["statement"], micros(warrant["ruling"]["at"])
    well_formed_decision(d)
    rule = {"number": d["rule"]["number"], "text": d["rule"]["text"]}
    need(digest_of(d) == first["decision"], "decision", "the decision is not the one that the request names")
    need(digest_of(action) in d["measures"], "decision", "the decision does not list the measure")
    need(d["case"] == action["case"] and rule == action["rule"], "decision", "the decision is about another case or rule")
    need(d["subject"]["platform"] == action["subject"]["platform"], "decision", "the decision is about another platform's subject")
    need(st["signer"] == first["signer"], "decision", "somebody else signed the decision")
    one = not st["session"] or not first["session"] or st["session"] == first["session"]
    need(one, "decision", "the decision is signed under another session than the request")
    need(st["v"] == "countersign/statement/v2" and of_ledger(state, st), "decision", "the decision is signed for another ledger, or in another version")
    need(st["verdict"] == "decide" and st["executor"] == "desk" and st["document"] == digest_of(d), "decision", "the statement does not sign the decision")
    need(not any(st[m] for m in ("action", "alarm", "batch", "decision", "policy", "request")), "decision", "the statement signs more than the decision")
    need(len(unbase64(st["nonce"])) == 32, "decision", "the nonce of the decision's statement is not 32 bytes")
    begins, expires, got = micros(st["not_before"]), micros(st["expires"]), entered(warrant)
    need(0 < expires - begins <= 15 * MINUTE, "decision", "the decision's statement is good for more than 15 minutes")
    need(begins - MINUTE <= got < expires, "decision", "the decision's statement was not valid when the ledger got the request")
    key = live_key(state, st, at)
    need(standing(state, st["signer"], got)["engaged"], "engagement", f"{st['signer']} was not engaged when deciding")
    check_signed(state, warrant, decision["signed"], key, True)

def well_formed_decision(d):
    """Check a decision by itself."""
    rule, scores = d["rule"], [(s["program"], s["name"]) for s in d["scores"]]
    subject = d["subject"]
    need(d["v"] == "countersign/decision/v1", "decision", "the decision's version is unknown")
    need(d["case"] and good_text(d["case"]) and 1 <= d["version"] < 2**53 and 0 <= d["claim"] < 2**53, "decision", "the decision names no case, or no version of it")
    need(subject["platform"] not in ("", "desk") and subject["id"], "decision", "the decision's subject is not one of a platform")
    need(good_text(subject["id"]) and good_text(subject["handle"]), "decision", "the decision's subject is not plain text")
    need(len(unbase64(d["nonce"])) == 32 and d["reasons"], "decision", "the decision has no nonce or no reasons")
    need(LANGUAGE.match(d["language"]) and d["verdict"] in CASE_VERDICTS, "decision", "the decision's language or verdict is unknown")
    need(not d["measures"] or d["verdict"] == "violation", "decision", "only a violation has measures")
    need(len(d["measures"]) <= 50 and len(set(d["measures"])) == len(d["measures"]) and "" not in d["measures"], "decision", "measures are there once each, 50 at most")
    need(not any(rule.values()) or rule["number"] >= 1 and rule["set"] and rule["text"], "decision", "the decision's rule is malformed")
    need(len(d["opened"]) <= 200 and len(scores) <= 100, "decision", "the decision has too many scores, or too much was unveiled")
    need("" not in d["opened"] and d["opened"] == sorted(set(d["opened"])), "decision", "what was unveiled is not sorted, each once")
    need(scores == sorted(set(scores)), "decision", "the scores are not sorted, each once")
    names = [name for pair in scores for name in pair]
    need(all(name and len(name.encode()) <= 200 and good_text(name) and "\n" not in name for name in names), "decision", "a score or its program has no name of plain text")

# --- Authority (version 2, "Who authorised the evidence")

AUTHORITY_CHECKED = "signatures, keys, engagement and inclusion down to entry 0; no change was ruled on"
ADMIT = object_of({"changes": number, "file": digest, "founding": flag, "joiners": number, "leavers": number, "root": digest, "rows": number})
MOST_ROWS = 20_000

def check_authority(warrant, rests, checkpoint, root):
    """Check that each governance entry was authorised by those before it, and that exactly the
    entries are there that this takes. rests are the entries on which the warrant rests."""
    authority = warrant["authority"]
    numbers = [e["entry"]["number"] for e in authority]
    need(numbers == sorted(set(numbers)), "authority", "the entries that authorise others are not in order, each once")
    everything = sorted(warrant["people"] + authority, key=lambda e: e["entry"]["number"])
    state, needed, spent = new_state(root), set(), set()
    state["admissions"] = {}
    policies = {}  # number of the newest entry that set a policy set
    last = {"number": -1, "index": -1, "time": NO_TIME, "leaf": b""}
    for evidence in everything:
        entry, index = evidence["entry"], evidence["proof"]["index"]
        n, at = entry["number"], micros(entry["time"])
        leaf = check_inclusion(evidence, checkpoint)
        need(entry["class"] == "governance" and n > last["number"], "authority", f"entry {n} is not of the governance chain, or is there twice")
        need(last["index"] < index, "authority", f"the place of governance entry {n} is not after that of the entry before it")
        need(at >= last["time"], "authority", f"governance entry {n} is dated before the entry before it")
        need(n != last["number"] + 1 or n == 0 or entry["prev"] == hexadecimal(sha256(last["leaf"])), "authority", f"governance entry {n} does not name the entry before it")
        needed.update(authorise(state, policies, spent, entry))
        if state["trail"].get("policy") == [n]:
            policies[hexadecimal(sha256(b"countersign/policy/v1\n", canonical(state["policy"])))] = n
        last = {"number": n, "index": index, "time": at, "leaf": leaf}
    first, others = warrant["request"]["statement"], [c["statement"] for c in warrant["countersignatures"]]
    keys = [st["key"] for st in [first] + others]
    if warrant["decision"]:
        keys.append(warrant["decision"]["signed"]["statement"]["key"])
    again = rests_on(state, [st["signer"] for st in [first] + others], keys, micros(warrant["ruling"]["at"]))
    need(set(again) <= set(rests), "authority", "the warrant rests on an entry that is only among those that authorise others")
    for n in numbers:
        need(n in needed, "authority", f"governance entry {n} authorises no other entry of the warrant")

def authorise(state, policies, spent, entry):
    """Check the signatures of one governance entry by those before it, and fold it in. Return the
    numbers of the entries on which that rests."""
    n, at, kind, content = entry["number"], micros(entry["time"]), entry["kind"], entry["data"]
    if kind == "founding":
        need(n == 0 and CLOSED(content), "members", "entry 0 is not a founding")
        fold(state, entry)
        return check_founding(content)
    if kind == "row":
        fold(state, entry)
        return [check_row(state, entry)]
    if kind == "taken":
        need(EXECUTION(content), "members", f"governance entry {n} is not a change that the executor took")
        e, trust = content["execution"], state["trust"]
        record = sha256(e["v"].encode() + b"\n", canonical(e))
        need(e["executor"] == trust["executor"] and ed25519_signed(unbase64(trust["executor_key"]), record, unbase64(content["signature"])),
             "signature", f"the executor did not sign the record in governance entry {n}")
        # The executor may have taken it before the formats were changed, by a clock that is ahead.
        early = "renewed" in state and micros(e["at"]) <= state["renewed"] + MINUTE
        rests = check_change(state, policies, spent, n, e["taken"], micros(e["at"]), early)
    else:
        need(AUTHORITY(content), "members", f"governance entry {n} is not a change of the desk")
        rests = check_change(state, policies, spent, n, content, at)
    if kind == "desk.admit":
        change = content["action"]["change"]
        need(content["action"]["kind"] == kind, "authority", f"governance entry {n} is of another kind than its action")
        state["admissions"][n] = change
    else:
        fold(state, entry)
    return rests

def check_founding(content):
    """Check the officers' signatures under the founding statement, which rests on nothing."""
    f, signatures = content["founding"], content["signatures"]
    need(len(signatures) == len(f["officers"]), "signature", "not every officer signed the founding statement")
    for officer, signature in zip(f["officers"], signatures):
        check_signature(officer["key"], sha256(f["v"].encode() + b"\n", canonical(f)), signature, f["trust"])
    return []

def check_row(state, entry):
    """Check a row against its admission, and return the admission's number."""
    n, d = entry["number"], entry["data"]
    record = d["row"]["record"]
    change = state["admissions"].get(d["admission"])
    need(change, "authority", f"the admission of governance entry {n}, a row, is not there")
    need(0 <= d["index"] < change["rows"] and n == d["admission"] + 1 + d["index"], "authority", f"governance entry {n} is not where its admission has that row")
    root = hexadecimal(sha256(b"\x00", sha256(b"countersign/row/v1\n", canonical(d["row"]))))
    need(change["rows"] > 1 or change["root"] == root, "authority", f"governance entry {n} is another row than was signed")
    need(d["row"]["sealed"] == entry["sealed"], "authority", f"governance entry {n} seals other fields than its row")
    roles = record["roles"]
    need(IDENTIFIER.match(record["worker"]) and record["start"] and roles and roles == sorted(set(roles)) and set(roles) <= ROLES
         and (not record["vendor"] or record["last"]), "authority", f"governance entry {n} is not a well-formed row")
    return d["admission"]

ROLES = {"agent", "auditor", "investigator", "lead", "officer", "oncall", "specialist"}

def check_change(state, policies, spent, n, a, at, early=False):
    """Check the action and the signatures of one change of the desk at an instant. Return the
    numbers of the entries on which it rests. Whether they suffice is the ruling's to say. A
    change that was taken early may be in the formats of before."""
    action, change, kind = a["action"], a["action"]["change"], a["action"]["kind"]
    version = 2 if action["v"] == "countersign/action/v2" else 1
    need(action["v"] == f"countersign/action/v{version}" and (version == state["formats"] or early and version < state["formats"]),
         "formats", f"governance entry {n} is not in the desk's formats")
    shape = {"desk.admit": ADMIT, "desk.engagement": ENGAGEMENT, "desk.key": KEYS, "desk.change": SETTING}.get(kind)
    need(shape and shape(change), "members", f"the change in governance entry {n} is malformed")
    relieves = kind == "desk.engagement" and change["op"] == "end" or kind == "desk.key" and change["revoke"] != []
    part = {"desk.admit": "workforce", "desk.engagement": "workforce", "desk.key": "keys"}.get(kind) or change["of"]
    need(action["subject"] == {"handle": "", "id": part, "platform": "desk"} and action["tier"] == "critical" and action["effect"] == "reversible"
         and action["direction"] == ("relieving" if relieves else "burdening"), "action", f"the action in governance entry {n} does not fit its change")
    need(not any(command_of(action)[m] for m in ("mark", "verb")) and not any(command_of(action)["subject"].values()) and not any(command_of(action)["expect"].values())
         and command_of(action)["layer"] in ("", "visibility")
         and not any(action[m] for m in ("case", "category", "lossy", "reverses", "until")) and not any(action["inverse"].values()),
         "action", f"the action in governance entry {n} says more than its change")
    need(len(unbase64(action["nonce"])) == 16 and good_text(action["reason"]), "action", f"the action in governance entry {n} is malformed")
    need(version == 1 or action["rule"] == {"number": 0, "text": ""} and action["parameters"] == "" and action["veto"] == 0, "action", f"the action in governance entry {n} names a rule")
    if kind == "desk.admit":
        parts = [change["joiners"], change["leavers"], change["changes"]]
        need(change["file"] and change["root"] and 1 <= change["rows"] <= MOST_ROWS and min(parts) >= 0 and sum(parts) == change["rows"], "action", "an admission is malformed")
    need(not a.get("sessions"), "session", f"governance entry {n} carries a session")
    everybody = [a["request"]] + a["countersignatures"]
    request = a["request"]["statement"]["request"]
    need(request not in spent, "authority", f"the request of governance entry {n} was applied before")
    spent.add(request)
    for i, signed in enumerate(everybody):
        check_change_statement(state, policies, n, a, signed, "countersign" if i else "request", at)
    names = [s["statement"]["signer"] for s in everybody]
    need(names[1:] == sorted(set(names[1:])), "statement", f"the countersignatures in governance entry {n} are not sorted by signer, each once")
    for i, b in enumerate(names):
        for other in names[:i]:
            why = dependent(state, other, b, at)
            need(not why, "independence", f"governance entry {n}: {why}")
    check_change_waited(state, n, a)
    for e in change["enrol"] if kind == "desk.key" else []:
        log = state["origin"] if state["laws"] < 3 else f"{state['origin']}#{state['root']}"
        check_signature(e["key"], sha256(b"countersign/enrol/v1\n", canonical([log, e["worker"], key_id(e["key"])])), e["possession"], state["trust"])
    statements = [s["statement"] for s in everybody]
    return rests_on(state, names, [st["key"] for st in statements], at) + [policies[st["policy"]] for st in statements]

def check_change_statement(state, policies, n, a, signed, verdict, at):
    """Check one statement about a change of the desk, and its signature."""
    st, action, first = signed["statement"], a["action"], a["request"]["statement"]
    who = f"{st['signer']} in governance entry {n}"
    need(st["v"] == action["v"].replace("action", "statement"), "statement", f"the statement of {who} is of another version")
    need(of_ledger(state, st), "statement", f"the statement of {who} is for another ledger")
    need(REQUEST.match(st["request"]) and st["request"] == first["request"], "statement", f"the statement of {who} is about another request")
    need(st["action"] == digest_of(action) and st["verdict"] == verdict and st["executor"] == "desk", "statement", f"the statement of {who} is about something else")
    need(st["policy"] in policies and len(unbase64(st["nonce"])) == 32, "statement", f"the statement of {who} names a policy that no entry sets, or has no nonce")
    need("session" not in st or not any(st[m] for m in ("alarm", "batch", "decision", "document", "session")), "statement", f"the statement of {who} is about more than a change")
    need(micros(st["not_before"]) <= at < micros(st["expires"]), "window", f"the statement of {who} was not valid")
    key = live_key(state, st, at)
    need(standing(state, st["signer"], at)["engaged"], "engagement", f"{who} was not engaged")
    check_signature(key, sha256(st["v"].encode() + b"\n", canonical(st)), signed["signature"], state["trust"])

def check_change_waited(state, n, a):
    """Check the ledger's entries of the signatures of a change that had to wait. Whether it had
    to, and for how long, is the ruling's to say."""
    waited, signatures = a["waited"], [a["request"]] + a["countersignatures"]
    if not waited["entries"] and not waited["checkpoint"]:
        return
    checkpoint = read_checkpoint({"checkpoint": waited["checkpoint"], "cosignatures": []}, state["log_key"], state["origin"])
    need(len(waited["entries"]) == len(signatures), "waited", f"governance entry {n}: the wait is not counted from each signature")
    asked = {"action": a["action"], "decided": None, "sessions": [], "ruled": None, "countersigned": len(signatures) > 1}
    for i, (evidence, signed) in enumerate(zip(waited["entries"], signatures)):
        check_inclusion(evidence, checkpoint)
        check_signature_entry(evidence["entry"], "countersign" if i else "request", asked, signed)

def check_windows(warrant, laws):
    """Check the end of a timed measure against the beginning of the request."""
    action, asked = warrant["action"], micros(warrant["request"]["statement"]["not_before"])
    if not action["until"]:
        return
    lasts = micros(action["until"]) - asked
    if action["kind"] == EMERGENCY:
        need(lasts <= 30 * MINUTE, "window", "an emergency act stands for 30 minutes at most")
    elif laws >= 2:
        need(lasts <= 366 * DAY, "window", "a suspension lasts for 366 days at most")
    need(laws < 2 or lasts > 0, "window", "the measure would end before it began")

# --- Slots

def check_slots(state, warrant, requester, signers):
    """Check that exactly those countersigned who fill the slots of the ruling's need."""
    asked, at = warrant["ruling"]["need"], micros(warrant["ruling"]["at"])
    need(min(asked["independent"], asked["wait"], *asked["qualified"].values()) >= 0, "slots", "a need is not negative")
    everybody = [requester] + signers
    for i, b in enumerate(everybody):
        need(b["hardware"] or not asked["hardware"], "slots", f"the key of {b['worker']} is not bound to hardware")
        for a in everybody[:i]:
            why = dependent(state, a["worker"], b["worker"], at)
            need(not why, "independence", why)
    need(fill(asked, signers), "slots", "the countersignatures do not fill the slots")
    for i in range(len(signers)):
        need(not fill(asked, signers[:i] + signers[i + 1 :]), "slots", "the warrant carries a countersignature that fills no slot")

def fill(asked, signers):
    """Whether people who are independent of each other fill the slots of a need."""
    def qualified(sort):
        return sum(s["facts"]["employee"] if sort == "employee" else sort in s["facts"]["roles"] for s in signers)

    return len(signers) >= asked["independent"] and all(qualified(sort) >= k for sort, k in asked["qualified"].items())

# --- Waits

def check_waited(warrant, checkpoint):
    """Check the ledger's entries of signatures, and that the wait was over that is counted
    from them. Version 2 always carries that of the request."""
    waited, wait = warrant["waited"], warrant["ruling"]["need"]["wait"]
    always = [warrant["requested"]] if "requested" in warrant else []
    signatures = [warrant["request"]] if always or wait else []
    if wait:
        signatures += warrant["countersignatures"]
    need(len(always + waited) == len(signatures), "waited", "the wait is not counted from each signature")
    decision = warrant.get("decision")
    asked = {"action": warrant["action"], "decided": decision and decision["signed"], "sessions": warrant.get("sessions", []),
             "ruled": None if wait else warrant["ruling"]["facts"], "countersigned": len(warrant["countersignatures"]) > 0}
    for i, (evidence, signed) in enumerate(zip(always + waited, signatures)):
        entry = evidence["entry"]
        check_inclusion(evidence, checkpoint)
        need(evidence["proof"]["index"] < warrant["ledger"]["proof"]["index"], "waited", "an entry of a signature came after the warrant")
        check_signature_entry(entry, "countersign" if i else "request", asked, signed)
        need(micros(warrant["ruling"]["at"]) >= micros(entry["time"]) + wait * SECOND or not wait, "waited", "the wait was not over")

def check_signature_entry(entry, kind, asked, signed):
    """Check that an entry holds a signature under an action, and that nothing else in it
    contradicts what was asked. ruled are the facts of a ruling that waited for nothing."""
    action, content, st = asked["action"], entry["data"], signed["statement"]
    need(entry["class"] == "desk" and entry["kind"] == kind, "waited", "an entry of a signature is of another kind")
    need({"request": REQUEST_ENTRY, "countersign": VERDICT_ENTRY}[kind](content), "members", f"an entry of kind {kind} is malformed")
    need(content["signed"] == signed, "waited", f"an entry does not hold the signature of {st['signer']}")
    desk, first = action["subject"]["platform"] == "desk", action["v"] == "countersign/action/v1"
    need(content["request"] == st["request"], "waited", f"the entry of what {st['signer']} signed is about another request")
    need(first or micros(st["not_before"]) <= micros(entry["time"]), "waited", f"the entry of what {st['signer']} signed is dated before that is valid")
    need(desk or content.get("law", "") == "", "waited", "an entry says that a law decides what an act needs")
    tiers = TIERS[TIERS.index(action["tier"]) :] if not desk else [action["tier"]]
    if kind == "countersign":
        need(content["tier"] in tiers or first and content["tier"] == "", "waited", "an entry says another tier than was signed")
        need(not content["alarm"] and content["status"] == "held", "waited", "an entry says that a countersignature ended a wait, or was an alarm")
        return
    act, ruled, approved = content["act"], asked["ruled"], content["status"] == "approved"
    want = {"case": action["case"] != "", "category": action["category"], "direction": action["direction"], "effect": action["effect"],
            "founding": action["kind"] == "desk.admit" and action["change"]["founding"], "kind": action["kind"], "lifts": act["lifts"],
            "part": action["subject"]["id"] if desk else "", "platform": action["subject"]["platform"], "tier": act["tier"], "verb": command_of(action)["verb"]}
    need(act == want and act["tier"] in tiers or first and act["kind"] == "", "waited", "the entry of the request is about another act")
    need(approved or content["status"] == "held", "waited", "the entry of the request says that it was neither held nor approved")
    at_once = ruled and not asked["countersigned"] and act["tier"] == ruled["tier"] and act["lifts"] == ruled["lifts"]
    need(not approved or at_once, "waited", "the entry of the request says that it was approved at once")
    need(content.get("decided") == asked["decided"], "waited", "the entry of the request holds another decision's statement")
    need(content.get("sessions", []) == asked["sessions"], "waited", "the entry of the request holds other sessions")

# --- Anchor and ruling

def check_anchor(warrant, core, checkpoint):
    """Check that the ledger holds the entry of this very warrant."""
    anchor, action, first, ruling = warrant["ledger"], warrant["action"], warrant["request"]["statement"], warrant["ruling"]
    entry = anchor["entry"]
    check_inclusion(anchor, checkpoint)
    need(entry["class"] == "desk" and entry["kind"] == "warrant" and entry["sealed"] == {}, "anchor", "the warrant's entry is of another kind")
    need(WARRANT_ENTRY(entry["data"]), "members", "the warrant's entry is malformed")
    want = {
        "countersigners": [c["statement"]["signer"] for c in warrant["countersignatures"]], "direction": action["direction"],
        "executor": first["executor"], "governance_number": entry["data"]["governance_number"], "kind": action["kind"], "policy": ruling["policy"],
        "request": first["request"], "requester": first["signer"], "tier": ruling["facts"]["tier"], "warrant": core,
    }
    need(entry["data"] == want, "anchor", "the warrant's entry is of another warrant")
    need(abs(micros(entry["time"]) - micros(ruling["at"])) <= MINUTE, "anchor", "the ruling is dated otherwise than its entry")

def check_facts(state, warrant, requester):
    """Check the facts in the ruling that follow from the evidence and the action."""
    ruling, action, facts = warrant["ruling"], warrant["action"], warrant["ruling"]["facts"]
    policy = hexadecimal(sha256(b"countersign/policy/v1\n", canonical(state["policy"])))
    need(ruling["policy"] == policy, "facts", "the ruling is by another policy than the one in force")
    for name, value in requester["facts"].items():
        need(facts[name] == value, "facts", f"the fact {name} is another one")
    need(facts["case"] == (action["case"] != ""), "facts", "the fact case is another one")
    need(facts["tier"] in TIERS[TIERS.index(action["tier"]) :], "facts", "the ruling's tier is below the action's")
    need(facts["word"] == ["case", "lifts", "tier"], "facts", "the ruling does not say what is the desk's word")

# --- Warrant

def verify(raw, root):
    """Verify a warrant under the hash of entry 0 that the caller trusts. Raise Refused, or
    return what the warrant says."""
    warrant = parse(raw)
    version = warrant.get("v") if isinstance(warrant, dict) else None
    form = FORMATS.get(version) if text(version) else None
    need(form, "version", "the document is not a warrant of a known version")
    need(form["shape"](warrant), "members", "the warrant's members are not those of its version")
    people, anchor, request, others = warrant["people"], warrant["ledger"], warrant["request"], warrant["countersignatures"]

    # The ledger comes first: nothing else is read from entries that it does not hold.
    need(people, "root", "the warrant carries no governance entries")
    first = people[0]["entry"]
    need(hexadecimal(sha256(leaf_of(first, unbase64(people[0]["salt"])))) == root and first["kind"] == "founding",
         "root", "the warrant is of a desk with another entry 0 than the one that is trusted")
    need(CLOSED(first["data"]), "members", "entry 0 is not a founding")
    founding = first["data"]["founding"]
    checkpoint = read_checkpoint(anchor, founding["log_key"], founding["origin"])
    core = digest_of({name: warrant[name] for name in form["core"]})
    check_anchor(warrant, core, checkpoint)
    state, last = new_state(root), -1
    for evidence in people:
        entry = evidence["entry"]
        check_inclusion(evidence, checkpoint)
        need(entry["class"] == "governance" and entry["number"] > last, "evidence", "the governance entries are not in order, each once")
        need(evidence["proof"]["index"] < anchor["proof"]["index"], "evidence", "a governance entry came after the warrant")
        fold(state, entry)
        last = entry["number"]
    everybody, at = [signed["statement"] for signed in [request] + others], micros(warrant["ruling"]["at"])
    keys = [st["key"] for st in everybody]
    if warrant.get("decision"):
        keys.append(warrant["decision"]["signed"]["statement"]["key"])
    rests = rests_on(state, [st["signer"] for st in everybody], keys, at)
    need(rests == [e["entry"]["number"] for e in people], "evidence", "the warrant carries entries on which it does not rest")

    need(state["formats"] == form["number"], "formats", "the desk signs in other formats than the warrant's")
    check_action(warrant["action"], form["action"])
    check_windows(warrant, state["laws"])
    verdict = "reverse" if warrant["action"]["reverses"] else "request"
    requester = check_statement(state, warrant, request, verdict, form["statement"])
    signers = [check_statement(state, warrant, signed, "countersign", form["statement"]) for signed in others]
    names = [s["worker"] for s in signers]
    need(names == sorted(set(names)), "statement", "the countersignatures are not sorted by signer, each once")
    if form["number"] > 1:
        if warrant["authority"]:
            check_authority(warrant, rests, checkpoint, root)
        check_sessions(warrant)
        check_decision(state, warrant)
    check_facts(state, warrant, requester)
    check_waited(warrant, checkpoint)
    check_slots(state, warrant, requester, signers)
    return {"version": version, "request": everybody[0]["request"], "kind": warrant["action"]["kind"], "requester": requester["worker"],
            "sessions": [told(s) for s in warrant.get("sessions", [])], "countersigners": names, "size": checkpoint["size"], "need": warrant["ruling"]["need"], "revocation": "not checked",
            "authority": AUTHORITY_CHECKED if warrant.get("authority") else "not checked"}

def answer(raw, root):
    """Return the answer to one warrant."""
    try:
        result = {"ok": True, **verify(raw, root)}
    except Refused as r:
        result = {"ok": False, "check": r.check, "why": r.why}
    return {**result, "ruling": "not checked"}

def serve(lines, out):
    """Answer requests, one a line."""
    for line in lines:
        request = json.loads(line)
        print(json.dumps(answer(unbase64(request["warrant"]), request["root"])), file=out, flush=True)

def main():
    parser = argparse.ArgumentParser(description="Verify Countersign's warrants. The ruling is not checked.")
    parser.add_argument("--root", help="hash of entry 0, sha256:…; it stands in the trust folder")
    parser.add_argument("--serve", action="store_true", help="answer requests on standard input")
    parser.add_argument("warrants", nargs="*", metavar="WARRANT.json")
    options = parser.parse_args()
    if options.serve:
        return serve(sys.stdin, sys.stdout)
    if not options.warrants or not options.root or not DIGEST.match(options.root):
        parser.error("give --root sha256:… and one warrant or more")
    all_hold = True
    for name in options.warrants:
        try:
            with open(name, "rb") as f:
                raw = f.read(MAX_WARRANT + 1)
        except OSError as e:
            result = {"ok": False, "check": "file", "why": f"the file cannot be read: {e.strerror}", "ruling": "not checked"}
        else:
            result = answer(raw, options.root)
        all_hold = all_hold and result["ok"]
        print(json.dumps({"file": name, **result}, ensure_ascii=False))
    return 0 if all_hold else 1

if __name__ == "__main__":
    sys.exit(main())
