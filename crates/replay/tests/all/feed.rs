//! The stream that a replay feeds to the engine: its order, its joins, and what damage costs.

use std::path::{Path, PathBuf};

use beaconwatch_engine::input::Input;
use beaconwatch_engine::observe::contact::{Contact, ContactKind, NameSource, Naming};
use beaconwatch_replay::inputs::zeek_logs;
use beaconwatch_replay::{Feed, FeedItem, FileKind};
use beaconwatch_skip::without_data;

use crate::directory::Directory;

const HEAD: &str = "ts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p";
const CONN: &str = "proto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state";

/// Writes a log of Zeek.
fn log(dir: &Directory, file: &str, log: &str, columns: &str, rows: &str) -> PathBuf {
    dir.file(
        file,
        format!(
            "#separator \x09
#path	{log}
#fields	{HEAD}	{columns}
{rows}"
        ),
    )
    .into()
}

fn inputs(feed: &mut Feed) -> Vec<(u64, Input)> {
    let input = |taken| match taken {
        FeedItem::Input(time, input) => Some((time.as_nanos(), input)),
        FeedItem::Unjudged(..) => None,
    };
    std::iter::from_fn(|| feed.take()).filter_map(input).collect()
}

fn contacts(files: &[PathBuf]) -> Vec<Contact> {
    let files = files.iter().map(|path| (path.clone(), FileKind::Zeek)).collect();
    let contact = |(_, input)| if let Input::Contact(contact) = input { Some(*contact) } else { None };
    inputs(&mut Feed::of(files, 1000)).into_iter().filter_map(contact).collect()
}

#[test]
fn names_come_from_the_rows_of_the_same_connection() {
    let dir = Directory::of("names");
    let conn = log(
        &dir,
        "conn.log",
        "conn",
        CONN,
        "100\tC1\t10.0.0.5\t1\t192.0.2.7\t443\ttcp\tssl\t3600\t1\t2\tSF\n\
101\tC2\t10.0.0.5\t2\t10.0.0.9\t3128\ttcp\thttp,ssl\t1\t1\t2\tSF\n\
102\tC3\t10.0.0.5\t3\t192.0.2.8\t443\ttcp\tssl\t1\t1\t2\tSF\n\
99\tC4\t10.0.0.5\t4\t10.0.0.53\t53\tudp\tdns\t1\t1\t2\tSF\n\
9000\tC5\t10.0.0.5\t5\t192.0.2.99\t443\ttcp\t-\t1\t1\t2\tSF\n",
    );
    let ssl = log(
        &dir,
        "ssl.log",
        "ssl",
        "server_name",
        "100.1\tC1\t10.0.0.5\t1\t192.0.2.7\t443\ta.example\n102.1\tC3\t10.0.0.5\t3\t192.0.2.8\t443\tc.example\n",
    );
    let http = log(
        &dir,
        "http.log",
        "http",
        "trans_depth\tmethod\thost",
        "101.1\tC2\t10.0.0.5\t2\t10.0.0.9\t3128\t1\tCONNECT\tb.example\n",
    );
    let dns = log(
        &dir,
        "dns.log",
        "dns",
        "proto\tquery\tqtype\trcode\tanswers",
        "99\tC4\t10.0.0.5\t4\t10.0.0.53\t53\tudp\tx.a.example\t1\t0\t192.0.2.8\n",
    );
    let seen: Vec<_> = contacts(&[conn, ssl, http, dns])
        .into_iter()
        .map(|c| {
            (c.start.as_nanos() / 1_000_000_000, c.destination.name, c.destination.name_source, c.naming)
        })
        .collect();
    let name = |name: &str| Some(name.into());
    assert_eq!(
        seen,
        [
            // The connection that carried the question is told by the question.
            (99, name("a.example"), Some(NameSource::Dns), Naming::Unknown),
            (100, name("a.example"), Some(NameSource::Sni), Naming::Unknown),
            (101, name("b.example"), Some(NameSource::Proxy), Naming::Unknown),
            (102, name("x.a.example"), Some(NameSource::Dns), Naming::Unknown),
            // Look-ups have been visible for more than an hour by now.
            (9000, None, None, Naming::NoLookup),
        ]
    );
}

#[test]
fn later_requests_of_a_connection_are_bursts_if_apart() {
    let dir = Directory::of("bursts");
    let conn =
        log(&dir, "conn.log", "conn", CONN, "100\tC1\t10.0.0.5\t1\t192.0.2.7\t80\ttcp\thttp\t60\t1\t2\tSF\n");
    let row =
        |ts: &str, depth: u32| format!("{ts}\tC1\t10.0.0.5\t1\t192.0.2.7\t80\t{depth}\tGET\ta.example\n");
    let rows = row("100.1", 1) + &row("100.2", 2) + &row("105.2", 3) + &row("110.2", 4);
    let http = log(&dir, "http.log", "http", "trans_depth\tmethod\thost", &rows);
    let bursts = contacts(&[conn, http]).into_iter().filter(|c| c.kind == ContactKind::Burst);
    let names: Vec<_> =
        bursts.map(|c| (c.start.as_nanos(), c.destination.name.unwrap().to_string())).collect();
    assert_eq!(names, [(105_200_000_000, "a.example".to_owned()), (110_200_000_000, "a.example".to_owned())]);
}

#[test]
fn a_connection_that_is_still_open_is_opened_once_and_ended_by_its_last_row() {
    let dir = Directory::of("open");
    let row = |duration: u32, state: &str| {
        format!("50\tC1\t10.0.0.5\t1\t192.0.2.7\t22\ttcp\tssh\t{duration}\t{duration}\t2\t{state}\n")
    };
    let first = log(&dir, "open_conn.00.log", "open_conn", CONN, &row(100, "S1"));
    let second = log(&dir, "open_conn.01.log", "open_conn", CONN, &row(200, "S1"));
    let last = log(&dir, "conn.log", "conn", CONN, &row(250, "SF"));
    let files = [last, second, first].map(|path| (path, FileKind::Zeek)).to_vec();
    let kinds: Vec<_> = inputs(&mut Feed::of(files, 1000))
        .into_iter()
        .map(|(time, input)| match input {
            Input::Contact(contact) => (time, contact.bytes.unwrap().sent, None),
            Input::ContactEnd(end) => (time, end.bytes.sent, Some(end.provisional)),
            other => panic!("{other:?}"),
        })
        .map(|(time, sent, end)| (time / 1_000_000_000, sent, end))
        .collect();
    let totals: Vec<_> = kinds.iter().filter(|(_, _, end)| end.is_some()).collect();
    assert_eq!(totals.len(), 2, "{kinds:?}");
    assert_eq!(kinds.len(), 3, "{kinds:?}");
}

#[test]
fn what_nobody_judges_is_counted_and_not_put_in_order() {
    let dir = Directory::of("unjudged");
    let conn = log(
        &dir,
        "conn.log",
        "conn",
        CONN,
        "300\tC1\t10.0.0.5\t1\t192.0.2.7\t443\ttcp\tssl\t1\t1\t2\tSF\n\
200\tC2\t10.0.0.6\t2\t10.0.0.53\t53\tudp\tdns\t1\t1\t2\tSF\n\
100\tC3\t10.0.0.7\t3\t192.0.2.8\t3\ticmp\t-\t1\t1\t2\tOTH\n\
150\tC4\t10.0.0.8\t4\t224.0.0.251\t5353\tudp\t-\t1\t1\t0\tS0\n\
250\tC5\t10.0.0.9\t5\t10.0.0.53\t5300\tudp\tdns\t1\t1\t2\tSF\n",
    );
    let mut feed = Feed::of(vec![(conn, FileKind::Zeek)], 1000);
    let contact = |taken| match taken {
        FeedItem::Input(time, Input::Contact(contact)) => Some((time, contact.actor.address?, true)),
        FeedItem::Unjudged(time, host) => Some((time, host?, false)),
        FeedItem::Input(..) => None,
    };
    let taken: Vec<_> = std::iter::from_fn(|| feed.take())
        .filter_map(contact)
        .map(|(time, host, judged)| (time.as_secs_f64(), host.to_string(), judged))
        .collect();
    let expected = [
        (200.0, "10.0.0.6", false),
        (100.0, "10.0.0.7", false),
        (150.0, "10.0.0.8", false),
        (250.0, "10.0.0.9", true),
        (300.0, "10.0.0.5", true),
    ];
    assert_eq!(taken, expected.map(|(time, host, judged)| (time, host.to_owned(), judged)));
}

#[test]
fn neither_the_order_of_files_nor_where_a_log_was_cut_makes_a_difference() {
    let dir = Directory::of("order");
    let (mut files, mut all_rows) = (Vec::new(), String::new());
    for hour in 0..6_u32 {
        let rows: String = (0..200)
            .map(|n| {
                let ts = hour * 3600 + (n * 7919) % 3600;
                format!("{ts}\tC{hour}x{n}\t10.0.0.{}\t1\t192.0.2.7\t443\ttcp\tssl\t1\t{n}\t2\tSF\n", n % 5)
            })
            .collect();
        files.push((log(&dir, &format!("conn.{hour:02}.log"), "conn", CONN, &rows), FileKind::Zeek));
        all_rows += &rows;
    }
    let forward = format!("{:?}", inputs(&mut Feed::of(files.clone(), 100_000)));
    let whole = vec![(log(&dir, "conn.log", "conn", CONN, &all_rows), FileKind::Zeek)];
    for _ in 0..3 {
        assert!(forward == format!("{:?}", inputs(&mut Feed::of(whole.clone(), 100_000))));
    }
    files.reverse();
    let backward = format!("{:?}", inputs(&mut Feed::of(files.clone(), 100_000)));
    assert!(forward == backward);
    files.push(files[0].clone());
    assert!(
        forward == format!("{:?}", inputs(&mut Feed::of(files, 100_000))),
        "a file named twice is read once"
    );
}

#[test]
fn a_damaged_file_costs_its_damaged_rows_only() {
    use std::io::Write;
    let dir = Directory::of("damage");
    let good = "1\tC1\t10.0.0.5\t1\t192.0.2.7\t443\ttcp\tssl\t1\t1\t2\tSF\n";
    let plain = log(&dir, "conn.log", "conn", CONN, &format!("{good}nonsense\n{good}"));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&std::fs::read(&plain).unwrap().repeat(400)).unwrap();
    let bytes = packed.finish().unwrap();
    let cut = dir.0.join("conn.1.log.gz");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let mut feed = Feed::of(vec![(plain, FileKind::Zeek), (cut, FileKind::Zeek)], 1000);
    let count = inputs(&mut feed).len();
    assert!(count > 2, "rows before the cut count: {count}");
    let reasons: Vec<_> = feed.rejected.iter().map(|(reason, _, _)| reason.to_string()).collect();
    assert!(reasons.iter().any(|reason| reason.starts_with("ends too early")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason == "columns missing"), "{reasons:?}");
}

#[test]
fn the_labelled_captures_are_read_without_a_refused_row() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root =
        std::env::var_os("BEACONWATCH_SHARED").map_or(beside, PathBuf::from).join("datasets/detection");
    if !root.is_dir() {
        return without_data(format!("no labelled captures at {}", root.display()));
    }
    for (entry, rows) in [("ctu-njrat-230-1", 992), ("apt29-day1-scranton", 133), ("rita-proxy", 1)] {
        let files = zeek_logs(&root.join(entry).join("zeek")).unwrap();
        let mut feed = Feed::of(files.into_iter().map(|path| (path, FileKind::Zeek)).collect(), 100_000);
        let count = std::iter::from_fn(|| feed.take()).count();
        assert!(count >= rows, "{entry}: {count}");
        assert_eq!(feed.rejected.total(), 0, "{entry}: {:?}", feed.rejected);
        assert_eq!(feed.late(), 0, "{entry}");
    }
}
