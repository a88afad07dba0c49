#!/usr/bin/env python3
"""Computes the identities of crates/engine/tests/identity-vectors.txt a second time, from their description in
crates/engine/src/identity/message.rs, with nothing of the engine. Without arguments it compares and fails on a difference;
with --write it fills them in (a new line begins with any word).
"""
import hashlib
import ipaddress
import pathlib
import sys
import urllib.parse

FILE = pathlib.Path(__file__).resolve().parent.parent / "crates/engine/tests/identity-vectors.txt"
VERSION = 1
DOMAINS = {
    "alone": 1, "actor": 2, "workload": 3, "replica": 4, "executable": 5, "destination": 6, "signature": 7,
    "finding": 8, "object": 9, "event": 10, "scope-of-actor": 11, "scope-of-job": 11, "conversation": 12, "sketch": 13,
    "client": 14,
}
TRANSPORTS = {"tcp": 1, "udp": 2, "other": 3}
KINDS = {
    "beacon": 1, "unbalanced": 2, "dns-beacon": 3, "dns-tunnel": 4, "irc": 5, "long-connection": 6,
    "unexpected-port": 7, "failed-retries": 8,
}


def text(word):
    data = urllib.parse.unquote("" if word == '""' else word).encode()
    return b"\x01" + len(data).to_bytes(4, "big") + data


def number(word):
    return b"\x02" + int(word).to_bytes(8, "big")


def address(word):
    if word == "-":
        return b"\x00"
    ip = ipaddress.ip_address(word)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return (b"\x03" if ip.version == 4 else b"\x04") + ip.packed


def identity(word):
    return b"\x00" if word == "-" else b"\x05" + bytes.fromhex(word)


def code(value):
    return bytes([6, value])


def port(word, transport):
    return b"\x07" + int(word).to_bytes(2, "big") + code(TRANSPORTS[transport])


def alone(word):
    form, _, value = word.partition(":")
    if form == "container":
        return code(1) + text(value)
    if form == "address":
        return code(2) + address(value)
    return {"cgroup": code(3)}[form] + number(value)


def optional_text(word):
    return b"\x00" if word == "-" else text(word)


def name_or_address(name, ip):
    return address(ip) if name == "-" else text(name)


def peer(codes, form, *rest):
    """A class of destinations, or a peer: what follows depends on the form."""
    start = code(codes[form])
    if form == "name":
        return start + text(rest[0]) + port(*rest[1:])
    if form == "address":
        return start + address(rest[0]) + port(*rest[1:])
    if form == "inside":
        return start + port(*rest)
    if form == "domain":
        return start + text(*rest)
    if form == "resolver":
        return start + address(*rest)
    return start


CLASSES = {"name": 1, "inside": 2, "address": 3, "aggregate": 4}
PEERS = {"domain": 1, "name": 2, "address": 3, "resolver": 4, "aggregate": 5}

# function: (words that are the key, fields made of the other words)
FIELDS = {
    "alone": lambda who: alone(who),
    "actor": lambda who, path: alone(who) + optional_text(path),
    "workload": lambda *words: b"".join(map(text, words)),
    "replica": text,
    "executable": text,
    "destination": lambda what, name, ip: code({"peer": 0, "domain": 1}[what]) + name_or_address(name, ip),
    "signature": lambda workload, executable, *to: identity(workload) + identity(executable) + peer(CLASSES, *to),
    "finding": lambda sig, destination, kind: identity(sig) + identity(destination) + code(KINDS[kind]),
    "object": lambda finding, node: identity(finding) + text(node),
    "event": lambda *words: b"".join(map(text, words)),
    "scope-of-actor": lambda secret, actor: identity(secret) + code(1) + identity(actor),
    "scope-of-job": lambda secret, workload, path: identity(secret) + code(2) + identity(workload) + identity(path),
    "conversation": lambda *to: peer(PEERS, *to),
    "sketch": name_or_address,
    "client": lambda ip: address(ip),
}
KEYED = ("conversation", "sketch")
OPEN_KEYED = ("client",)


def siphash(key, message, each=1, last=3):
    """SipHash with so many rounds for each word and at the end, 128 bits."""
    mask = (1 << 64) - 1
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    a, b = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D ^ 0xEE
    c, d = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573

    def turn(x, bits):
        return ((x << bits) | (x >> (64 - bits))) & mask

    def rounds(count):
        nonlocal a, b, c, d
        for _ in range(count):
            a, c = (a + b) & mask, (c + d) & mask
            b, d = turn(b, 13) ^ a, turn(d, 16) ^ c
            a = turn(a, 32)
            c, a = (c + b) & mask, (a + d) & mask
            b, d = turn(b, 17) ^ c, turn(d, 21) ^ a
            c = turn(c, 32)

    padded = message + bytes((7 - len(message)) % 8) + bytes([len(message) % 256])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at:at + 8], "little")
        d ^= word
        rounds(each)
        a ^= word
    c ^= 0xEE
    rounds(last)
    first = a ^ b ^ c ^ d
    b ^= 0xDD
    rounds(last)
    second = a ^ b ^ c ^ d
    return first.to_bytes(8, "little") + second.to_bytes(8, "little")


def compute(function, words):
    key, words = (words[0], words[1:]) if function in KEYED else (None, words)
    if function in OPEN_KEYED:
        key = "00" * 16
    message = b"bwid" + bytes([VERSION, DOMAINS[function]]) + FIELDS[function](*words)
    if key is None:
        return hashlib.sha256(message).hexdigest()[:32]
    digest = siphash(bytes.fromhex(key), message)
    return digest[:8].hex() if function == "sketch" else digest.hex()


def main():
    # The first of the vectors that the authors of SipHash publish.
    assert siphash(bytes(range(16)), b"", 2, 4).hex() == "a3817f04ba25a8e66df67214c7550293"
    lines, wrong, count = [], 0, 0
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            before, function, *words = line.split(" ")
            now = compute(function, words)
            if now != before:
                wrong += 1
                print(f"{FILE.name}: {function} {' '.join(words)}: {before}, computed {now}", file=sys.stderr)
            line = " ".join([now, function, *words])
            count += 1
        lines.append(line)
    if sys.argv[1:] == ["--write"]:
        FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    elif wrong or not count:
        sys.exit(f"{wrong} of {count} identities differ")
    else:
        print(f"{count} identities are what the second computation says")


main()
