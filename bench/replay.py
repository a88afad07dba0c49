#!/usr/bin/env python3
"""Makes traffic to measure `replay` with, always the same: bench/replay.py DIR

`conn.log`: two million connections of 1000 hosts in nine hours, as Zeek writes them at their ends; 80 destinations
for each host, and 3 % of the rows to one that is used once. The hard case: every row counts, and none is about what
the rows before it were about. `few.log`: the same with six destinations for each host. `office.log`: as many rows, hosts and hours, with the shares of the logs of two small
networks. Of the rows 42 % carry DNS, 11 % go to a broadcast address, 5 % are ICMP. Of the others 55 % come within
ten seconds of another one to the same destination, 19 % are the first to theirs, and the rest goes to one that the
host used before, the more often the more it did. `headers.pcap`: 2000 TCP connections that take turns, 1200 bytes of
payload in each packet, of which the file holds the first 64 bytes of the frame. Needs Python only.
"""

import heapq
import pathlib
import random
import struct
import sys

BEGIN_S = 1_700_000_000
ROWS, HOSTS, SPAN_S = 2_000_000, 1000, 9 * 3600
FLOWS, TURNS, PAYLOAD, SNAPPED = 2000, 3000, 1200, 64
FIELDS = ("ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state "
          "local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents")


def begin(out):
    out.write("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n")
    out.write("#fields\t" + FIELDS.replace(" ", "\t") + "\n")


def connection(out, draw, number, host, end_s, to):
    (peer, port, transport, service), duration = to, draw.expovariate(1.0)
    uid = draw.getrandbits(80)
    sent, received = draw.randrange(200, 900), draw.randrange(300, 9000)
    out.write(f"{BEGIN_S + end_s - duration:.6f}\tC{uid:020x}\t10.1.{host >> 8}.{host & 255}\t{32768 + number % 28000}\t"
              f"{peer}\t{port}\t{transport}\t{service}\t{duration:.6f}\t{sent}\t{received}\tSF\tT\tF\t0\tShADadFf\t9\t"
              f"{sent + 480}\t12\t{received + 640}\t-\n")


def outside(place):
    return f"203.{place >> 16}.{place >> 8 & 255}.{place & 255}", 443, "tcp", "ssl"


def connections(out, destinations):
    draw = random.Random(1)
    begin(out)
    for number in range(ROWS):
        host = draw.randrange(HOSTS)
        if draw.random() < 0.03:
            to = f"198.{18 + (number >> 16 & 1)}.{number >> 8 & 255}.{number & 255}", 443, "tcp", "ssl"
        else:
            to = outside(host * destinations + draw.randrange(destinations))
        connection(out, draw, number, host, SPAN_S * number / ROWS, to)


def office(out):
    draw = random.Random(2)
    begin(out)
    used = [[] for _ in range(HOSTS)]  # places, one entry for each visit
    places, coming = 0, []
    for number in range(ROWS):
        now = SPAN_S * number / ROWS
        if coming and coming[0][0] <= now:
            _, _, host, to = heapq.heappop(coming)
            connection(out, draw, number, host, now, to)
            continue
        host, kind, follow = draw.randrange(HOSTS), draw.random(), 0
        # What follows a visit takes 0.42 * 0.55 of the rows, and these shares are of the others.
        if kind < 0.42 / 0.77:
            to = "10.1.255.53", 53, "udp", "dns"
        elif kind < 0.53 / 0.77:
            to = f"10.1.{host >> 8}.255", 137, "udp", "-"
        elif kind < 0.58 / 0.77:
            to = "10.1.255.1", 0, "icmp", "-"
        else:
            if draw.random() < 0.42 or not used[host]:
                places += 1
                used[host].append(places)
            else:
                used[host].append(draw.choice(used[host]))
            to = outside(used[host][-1])
            while draw.random() < 0.55:
                follow += 1
        connection(out, draw, number, host, now, to)
        for _ in range(follow):
            heapq.heappush(coming, (now + draw.uniform(0, 8), number, host, to))


def headers(out):
    out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPPED, 1))
    stamp, progress = struct.Struct("<II"), struct.Struct(">II")
    client, server = bytes([10, 2, 0, 0]), bytes([192, 0, 2, 1])
    record_len = 16 + SNAPPED
    for turn in range(TURNS):
        # A connection request, its answer, then data of one side after the other, a fifth of a second apart.
        payload = PAYLOAD if turn >= 2 else 0
        flags = (0x02, 0x12)[turn] if turn < 2 else 0x18
        sent = [1 + PAYLOAD * max((turn - 2 + more) // 2, 0) + (turn >= 2) for more in (1, 0)]
        mine, other = sent if turn % 2 == 0 else sent[::-1]
        ends, ports = ((client, server), (40_000, 443)) if turn % 2 == 0 else ((server, client), (443, 40_000))
        frame = bytes(12) + struct.pack(">HBBHIBBH", 0x0800, 0x45, 0, 40 + payload, 0x4000, 64, 6, 0) + ends[0] + ends[1]
        frame += struct.pack(">HHIIBBHI", *ports, 0, 0, 0x50, flags, 65535, 0)
        record = bytes(8) + struct.pack("<II", min(SNAPPED, len(frame) + payload), len(frame) + payload)
        record = (record + frame).ljust(record_len, b"\xab") if payload else record + frame
        client_at = 16 + (26 if turn % 2 == 0 else 30)
        block = bytearray(record * FLOWS)
        for flow in range(FLOWS):
            at = flow * len(record)
            micros = (turn * FLOWS + flow) * 100
            stamp.pack_into(block, at, BEGIN_S + micros // 1_000_000, micros % 1_000_000)
            block[at + client_at + 2] = flow >> 8
            block[at + client_at + 3] = flow & 255
            progress.pack_into(block, at + 16 + 38, mine, other)
        out.write(block)


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    for name, destinations in ("conn.log", 80), ("few.log", 6):
        with open(target / name, "w") as log:
            connections(log, destinations)
    with open(target / "office.log", "w") as log:
        office(log)
    with open(target / "headers.pcap", "wb") as capture:
        headers(capture)
