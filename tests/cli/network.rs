//! The faults of a network and a server, and how the client must handle each of them. A new fault is one more line.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::gate::{KEY, KEY_IN_BASE64};
use crate::weave::Reply;
use Class::{Again, Cut, Empty, Endless, Final, Later, Packed, Slow, Sound, TooLarge, Unread};

/// How the client must handle a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// No fault: the answer is used.
    Sound,
    /// A permanent fault: one request and no retry.
    Final,
    /// A fault that may pass: a few requests, with longer pauses between them.
    Again,
    /// As `Again`, and no other request is answered either.
    Gone,
    /// A fault that may pass, but not before the deadline: one request.
    Later,
    /// No complete answer arrives: one request, until the deadline.
    Slow,
    /// A complete answer with an invalid body.
    Unread,
    /// An answer larger than the limit.
    TooLarge,
    /// The server does not know the requested object.
    Unknown,
    /// A 200 with an empty body.
    Empty,
    /// As `Empty`, and the answer has no marked end.
    Cut,
    /// A sound answer for everything but JSON Lines, where it is unknown whether all lines arrived. This also holds for
    /// gzip that was not requested, because the library does not say whether the answer had a length.
    Packed,
    /// As `Unread`. For JSON Lines, it is also unknown whether all lines arrived.
    Endless,
}

/// A change to an answer that would otherwise be valid.
pub type Change = Box<dyn Fn(Reply) -> Reply + Send + Sync>;

pub struct Fault {
    pub name: String,
    pub change: Change,
    pub class: Class,
    /// The text that the error message must contain.
    pub words: String,
}

impl Fault {
    /// A fault that occurs before a request can be made.
    pub fn before_a_request(name: &str, class: Class, words: &str) -> Self {
        changed(name, |reply| reply, class, words)
    }
}

fn fault(name: &str, reply: Reply, class: Class, words: &str) -> Fault {
    changed(name, move |_| reply.clone(), class, words)
}

fn changed(
    name: &str,
    change: impl Fn(Reply) -> Reply + Send + Sync + 'static,
    class: Class,
    words: &str,
) -> Fault {
    Fault {
        name: name.to_owned(),
        change: Box::new(change),
        class,
        words: words.to_owned(),
    }
}

/// An answer with another body.
fn body(
    change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
) -> impl Fn(Reply) -> Reply + Send + Sync + 'static {
    move |reply| match reply {
        Reply::Whole(status, lines, body) => Reply::Whole(status, lines, change(body)),
        other => other,
    }
}

/// Another answer, made from the same body.
fn made(
    answer: impl Fn(&[u8]) -> Reply + Send + Sync + 'static,
) -> impl Fn(Reply) -> Reply + Send + Sync + 'static {
    move |reply| match reply {
        Reply::Whole(_, _, body) => answer(&body),
        other => other,
    }
}

/// These bytes, on a connection that remains open.
fn kept(bytes: Vec<u8>) -> Reply {
    Reply::Kept(bytes, Duration::ZERO, Vec::new())
}

/// The same answer with this header and without a length. The connection is closed at the end.
fn closed(header: &'static str) -> impl Fn(Reply) -> Reply + Send + Sync + 'static {
    made(move |body| {
        let head = format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n");
        Reply::Raw([head.as_bytes(), body].concat())
    })
}

/// The bytes of an answer with its length.
fn with_length(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{status}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The bytes of a body in chunks.
fn chunked(head: &str, body: &[u8], end: &str) -> Vec<u8> {
    let chunk = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
    let chunks: Vec<u8> = body.chunks(100).flat_map(chunk).collect();
    [head.as_bytes(), &chunks, end.as_bytes()].concat()
}

fn text(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn whole(body: impl Into<Vec<u8>>) -> Reply {
    Reply::Whole(200, String::new(), body.into())
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zipped(bytes: Vec<u8>) -> Reply {
    whole(bytes).header("Content-Encoding: gzip")
}

/// An answer with this status. Its body repeats the key in every form.
fn status(status: u16) -> Reply {
    Reply::status(
        status,
        &format!(
            "not today: {KEY} or Basic {KEY_IN_BASE64} or {}",
            KEY_IN_BASE64.trim_end_matches('=')
        ),
    )
}

/// The class of a status, and the text of its message.
fn taken(number: u16) -> (Class, String) {
    let said = "not today: *** or Basic *** or ***";
    match number {
        ..300 => (Final, format!("Weave answered {number}")),
        300..=399 => (Final, format!("redirects elsewhere ({number})")),
        401 => (Final, format!("Weave refused the API key (401): {said}")),
        403 => (
            Final,
            format!("the API key may not read this project (403): {said}"),
        ),
        404 => (Class::Unknown, String::new()),
        501 => (Final, format!("Weave answered {number}: {said}")),
        408 | 409 | 425 | 429 | 500..=599 => (Again, format!("Weave answered {number}: {said}")),
        _ => (Final, format!("Weave answered {number}: {said}")),
    }
}

fn answered(number: u16, elsewhere: &str) -> Reply {
    match number {
        204 | 205 | 304 => Reply::Whole(number, String::new(), Vec::new()),
        404 => Reply::status(404, "not here"),
        300..=399 => status(number).header(&format!("Location: {elsewhere}?key={KEY}")),
        _ => status(number),
    }
}

/// The statuses with a name, except 200.
fn named() -> impl Iterator<Item = u16> {
    (201..=208)
        .chain(300..=308)
        .chain(400..=431)
        .chain([451])
        .chain(500..=511)
}

fn statuses(elsewhere: &str) -> Vec<Fault> {
    let of = |number| {
        let (class, words) = taken(number);
        fault(
            &number.to_string(),
            answered(number, elsewhere),
            class,
            &words,
        )
    };
    named().map(of).collect()
}

/// All other statuses, and some outside the standard classes. A fault that may pass asks for a longer pause than the
/// deadline allows, so that the test does not wait.
pub fn other_statuses(elsewhere: &str) -> Vec<Fault> {
    let all = (201..600).chain((600..1000).step_by(57));
    let others = all.filter(|number| named().all(|known| known != *number));
    others
        .map(|number| {
            let (class, words) = taken(number);
            let class = if class == Again { Later } else { class };
            let reply = answered(number, elsewhere).header("Retry-After: 7200");
            fault(&number.to_string(), reply, class, &words)
        })
        .collect()
}

/// All faults. `elsewhere` is the address that redirects name. No client may connect to it.
pub fn faults(elsewhere: &str) -> Vec<Fault> {
    let mut all = statuses(elsewhere);
    for some in [
        of_connections(),
        of_time(),
        of_size(),
        of_ends(),
        of_compression(),
        of_form(),
        of_waits(),
    ] {
        all.extend(some);
    }
    all
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";

#[rustfmt::skip]
fn of_connections() -> Vec<Fault> {
    const GONE: &str = "Peer disconnected";
    const RESET: &str = "reset by peer";
    let in_headers = || text("HTTP/1.1 200 OK\r\nContent-Le");
    let in_body = || text(&format!("{HEAD}{{"));
    vec![
        fault("refused", Reply::Gone, Class::Gone, "Connection re"),
        fault("closed before headers", Reply::Raw(text("")), Again, GONE),
        fault("closed in headers", Reply::Raw(in_headers()), Again, GONE),
        fault("closed after headers", Reply::Raw(text(HEAD)), Again, GONE),
        fault("closed in the body", Reply::Raw(in_body()), Again, GONE),
        fault("reset before headers", Reply::Reset(text("")), Again, RESET),
        fault("reset in headers", Reply::Reset(in_headers()), Again, RESET),
        fault("reset after headers", Reply::Reset(text(HEAD)), Again, GONE),
        fault("reset in the body", Reply::Reset(in_body()), Again, GONE),
        fault("reset before a body of no length", Reply::Reset(text("HTTP/1.1 200 OK\r\n\r\n")), Cut, ""),
        fault("another protocol", Reply::Raw(text("SSH-2.0-OpenSSH_9.6\r\n")), Again, "protocol"),
        fault("no protocol", Reply::Raw(text("{\"summary\": null}")), Again, "protocol"),
        fault("a later protocol", Reply::Raw(text("HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}")), Again, "protocol"),
        fault("a status of letters", Reply::Raw(text("HTTP/1.1 2OO OK\r\nContent-Length: 2\r\n\r\n{}")), Again, "protocol"),
        fault("a status below all", Reply::Raw(text("HTTP/1.1 099 X\r\nContent-Length: 2\r\n\r\n{}")), Again, "protocol"),
        fault("a status above all", Reply::Raw(text("HTTP/1.1 1000 X\r\nContent-Length: 2\r\n\r\n{}")), Again, "protocol"),
        fault("a status of no class", status(600), Final, "Weave answered 600"),
        fault("the last status", status(999), Final, "Weave answered 999"),
        fault("another protocol from here on", Reply::Raw(text("HTTP/1.1 101 X\r\nUpgrade: h2c\r\n\r\n")), Final, "Weave answered 101"),
    ]
}

#[rustfmt::skip]
fn of_time() -> Vec<Fault> {
    const LATE: &str = "sent no complete answer within";
    let drops = |head: &str, drop: &str| Reply::Endless(text(head), text(drop), Duration::from_millis(50));
    vec![
        fault("no headers", Reply::Stall(text("")), Slow, LATE),
        fault("half the headers", Reply::Stall(text("HTTP/1.1 200 OK\r\nContent-Le")), Slow, LATE),
        fault("slow headers", drops("HTTP/1.1 200 OK\r\nX: ", "x"), Slow, LATE),
        fault("no body", Reply::Stall(text(HEAD)), Slow, LATE),
        fault("slow body", drops(HEAD, " "), Slow, LATE),
        fault("hints and no end", drops("", "HTTP/1.1 103 X\r\n\r\n"), Slow, LATE),
        fault("an early hint, and nothing", Reply::Stall(text("HTTP/1.1 103 Early Hints\r\n\r\n")), Slow, LATE),
    ]
}

#[rustfmt::skip]
fn of_size() -> Vec<Fault> {
    const LARGE: &str = "is larger than 64 MiB";
    let endless = |head: &str, piece: Vec<u8>| Reply::Endless(text(head), piece, Duration::ZERO);
    let piece = |chunk: &str| Reply::Raw(text(&format!("{CHUNKED}{chunk}")));
    vec![
        fault("endless body", endless("HTTP/1.1 200 OK\r\n\r\n", vec![b' '; 1 << 20]), TooLarge, LARGE),
        fault("endless headers", endless("HTTP/1.1 200 OK\r\n", text(&"X: x\r\n".repeat(1000))), Again, "too many headers"),
        fault("gzip bomb", zipped(gzip(&vec![b' '; 65 << 20])), TooLarge, LARGE),
        fault("longer than it says", whole("{\"half\": 1}").header("Content-Length: 1"), Again, "conflicting content-length headers"),
        fault("a length that is none", Reply::Raw(text("HTTP/1.1 200 OK\r\nContent-Length: much\r\n\r\n{}")), Again, "protocol"),
        fault("a chunk without a length", piece("much\r\n{}\r\n"), Again, "protocol"),
        fault("a chunk cut short", piece("10\r\n{}"), Again, "Peer disconnected"),
    ]
}

/// Faults at the end of an answer. Bytes after the end must not become the next answer.
#[rustfmt::skip]
fn of_ends() -> Vec<Fault> {
    const GONE: &str = "Peer disconnected";
    const UNREAD: &str = "is not what the v2 Evaluation API sends";
    const LAST: &str = "0\r\n\r\n";
    let both = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n";
    let old = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let squeezed = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
    let sound = |body: &[u8]| with_length("HTTP/1.1 200 OK", body);
    let stray = || with_length("HTTP/1.1 200 OK", b"null");
    // These bytes are sent with the last bytes of the answer, so that both arrive together.
    let and_stray = move |bytes: &[u8]| {
        let (most, last) = bytes.split_at(bytes.len() - 2);
        Reply::Kept(most.to_vec(), Duration::ZERO, [last, &stray()].concat())
    };
    let late = Reply::Kept(with_length("HTTP/1.1 503 X", b""), Duration::from_millis(50), stray());
    let hinted = |hint: &'static str| made(move |body| kept([hint.as_bytes(), &sound(body)].concat()));
    let then_stray = |head: &str| and_stray(text(head).as_slice());
    vec![
        changed("chunks", made(|body| kept(chunked(CHUNKED, body, LAST))), Sound, ""),
        changed("chunks and more headers", made(|body| kept(chunked(CHUNKED, body, "0\r\nX: x\r\n\r\n"))), Sound, ""),
        changed("chunks and a length", made(move |body| kept(chunked(both, body, LAST))), Sound, ""),
        changed("chunks without the last", made(|body| Reply::Raw(chunked(CHUNKED, body, ""))), Again, GONE),
        changed("chunks without the last line", made(|body| Reply::Raw(chunked(CHUNKED, body, "0\r\n"))), Sound, ""),
        changed("chunks of an old protocol", made(move |body| Reply::Raw(chunked(old, body, LAST))), Endless, UNREAD),
        changed("transfer coding identity", closed("Transfer-Encoding: identity"), Packed, ""),
        changed("transfer coding gzip, of plain text", closed("Transfer-Encoding: gzip"), Packed, ""),
        changed("an unknown transfer coding", closed("Transfer-Encoding: xchunked"), Packed, ""),
        changed("transfer coding identity and a length", made(|body| {
            kept(with_length("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity", body))
        }), Sound, ""),
        changed("chunks of gzip", made(move |body| kept(chunked(squeezed, &gzip(body), LAST))), Unread, UNREAD),
        fault("a chunk longer than memory", Reply::Raw(text(&format!("{CHUNKED}fffffffffffffff\r\n{{}}"))), Again, GONE),
        changed("an old protocol", made(|body| Reply::Raw(with_length("HTTP/1.0 200 OK", body))), Sound, ""),
        changed("go on", hinted("HTTP/1.1 100 Continue\r\n\r\n"), Sound, ""),
        changed("an early hint", hinted("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"), Sound, ""),
        changed("an unknown hint", hinted("HTTP/1.1 199 X\r\n\r\n"), Sound, ""),
        changed("another answer after it", made(move |body| and_stray(&sound(body))), Sound, ""),
        changed("longer than it says, by all but a letter", made(move |body| {
            and_stray(&[b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", body].concat())
        }), Unread, UNREAD),
        fault("204 with a body", then_stray("HTTP/1.1 204 X\r\nContent-Length: 42\r\n\r\n"), Final, "Weave answered 204"),
        fault("304 with a body", then_stray("HTTP/1.1 304 X\r\n\r\n"), Final, "redirects elsewhere (304)"),
        fault("503 and the answer after all", late, Again, "Weave answered 503"),
        fault("503 and more than it says", then_stray("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"), Again, "Weave answered 503"),
    ]
}

/// The bytes with one bit inverted, at this distance from the end.
fn bent(mut bytes: Vec<u8>, from_end: usize) -> Vec<u8> {
    let place = bytes.len() - from_end;
    bytes[place] ^= 1;
    bytes
}

#[rustfmt::skip]
fn of_compression() -> Vec<Fault> {
    const BROKEN: &str = "gzip decompression failed";
    const UNREAD: &str = "is not what the v2 Evaluation API sends";
    const PIECES: &str = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
    let squeezed = |bytes: fn(Vec<u8>) -> Vec<u8>| made(move |body| zipped(bytes(gzip(body))));
    let in_chunks = |bytes: fn(&[u8]) -> Vec<u8>| {
        made(move |body| kept(chunked(PIECES, &bytes(body), "0\r\n\r\n")))
    };
    vec![
        changed("gzip", squeezed(|bytes| bytes), Packed, ""),
        changed("gzip in chunks", in_chunks(gzip), Sound, ""),
        changed("gzip in two parts", in_chunks(|body| [gzip(&body[..7]), gzip(&body[7..])].concat()), Sound, ""),
        changed("gzip with another checksum", squeezed(|bytes| bent(bytes, 8)), Again, BROKEN),
        changed("gzip of another length", squeezed(|bytes| bent(bytes, 4)), Again, BROKEN),
        changed("gzip without its end", squeezed(|bytes| bytes[..bytes.len() - 8].to_vec()), Again, BROKEN),
        changed("gzip and something after it", squeezed(|bytes| [&*bytes, b"}"].concat()), Again, BROKEN),
        changed("gzip and nulls after it", squeezed(|bytes| [&*bytes, &[0; 16]].concat()), Again, BROKEN),
        changed("gzip of gzip", in_chunks(|body| gzip(&gzip(body))), Unread, UNREAD),
        changed("gzip that does not say so", made(|body| whole(gzip(body))), Unread, UNREAD),
        fault("gzip that is none", zipped(text("not gzip")), Again, BROKEN),
        fault("gzip cut short", zipped(gzip(b"{\"summary\": null}")[..20].to_vec()), Again, BROKEN),
        fault("an encoding that was not requested", whole(vec![0x1b, 2, 0, 0xf8]).header("Content-Encoding: br"), Unread, UNREAD),
    ]
}

#[rustfmt::skip]
fn of_form() -> Vec<Fault> {
    const UNREAD: &str = "is not what the v2 Evaluation API sends";
    let escaped = format!("\"0\\u0031{}\"", &KEY[2..]);
    let utf_16 = |body: Vec<u8>| body.into_iter().flat_map(|byte| [byte, 0]).collect();
    vec![
        fault("a web page", whole("\r\n <!DOCTYPE html><html>Sign in</html>"), Unread, "answered with a web page, not with JSON"),
        fault("404 of a web server", Reply::Whole(404, String::new(), text("<html>")), Final, "does not know /"),
        fault("null", whole("null"), Unread, UNREAD),
        fault("an empty object", whole("{}"), Unread, UNREAD),
        fault("an empty array", whole("[]"), Unread, UNREAD),
        fault("deep nesting", whole("[".repeat(100_000)), Unread, UNREAD),
        fault("an invalid character", whole(b"{\"caf\xe9\": 1}".to_vec()), Unread, UNREAD),
        fault("the key", whole(format!("\"{KEY}\"")), Final, "an answer of Weave holds the API key"),
        fault("the key, escaped", whole(escaped), Unread, UNREAD),
        fault("nothing", whole(""), Empty, ""),
        fault("blanks", whole(" \r\n\r\n"), Empty, ""),
        changed("half", body(|body| body[..body.len() / 2].to_vec()), Unread, UNREAD),
        changed("a byte order mark", body(|body| [b"\xef\xbb\xbf", &*body].concat()), Unread, UNREAD),
        changed("UTF-16", body(utf_16), Unread, UNREAD),
        changed("something after it", body(|body| [&*body, b"\n]"].concat()), Unread, UNREAD),
        changed("a charset that is not true", |reply| reply.header("Content-Type: text/plain; charset=utf-16"), Sound, ""),
    ]
}

#[rustfmt::skip]
fn of_waits() -> Vec<Fault> {
    let busy = |name: &str, after: &str, class| {
        fault(name, status(429).header(&format!("Retry-After: {after}")), class, "Weave answered 429")
    };
    vec![
        busy("429, now", "0", Again),
        busy("429, in hours", "7200", Later),
        busy("429, at a date", "Tue, 31 Dec 2199 23:59:59 GMT", Later),
        busy("429, at a date that is over", "Wed, 21 Oct 2015 07:28:00 GMT", Again),
        busy("429, in ages", "99999999999999999999999999", Later),
        busy("429, never", "1e999", Later),
        busy("429, some time", "soon", Again),
        busy("429, before", "-1", Again),
    ]
}
