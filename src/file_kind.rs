//! Recognises files of a kind that is often found in place of the expected one.

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// What Git has in place of a file that is kept in Git LFS.
    LfsPointer,
    /// A web page.
    Html,
    /// Data that `gzip` compressed.
    Gzip,
    /// A ZIP archive, such as CI systems make of artifacts.
    Zip,
    /// Text in UTF-16, which Windows' tools write.
    Utf16,
}

impl FileKind {
    /// The kind of a file by its first bytes; `None` for any other kind.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
            return Some(Self::LfsPointer);
        }
        if bytes.starts_with(&[0x1f, 0x8b]) {
            return Some(Self::Gzip);
        }
        if bytes.starts_with(b"PK\x03\x04") {
            return Some(Self::Zip);
        }
        // The first character of a text in UTF-16 is ASCII, or a byte order mark.
        match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some(Self::Utf16),
            [first, 0, ..] | [0, first, ..] if *first != 0 => return Some(Self::Utf16),
            _ => {}
        }
        let start = bytes.trim_ascii_start();
        let is_html = [b"<!doctype html".as_slice(), b"<html"].iter().any(|tag| {
            let found = start.get(..tag.len());
            found.is_some_and(|found| found.eq_ignore_ascii_case(tag))
        });
        is_html.then_some(Self::Html)
    }

    /// What the file is, as the end of a sentence about it.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::LfsPointer => "is a Git LFS pointer, not the file itself",
            Self::Html => "is an HTML page",
            Self::Gzip => "is compressed with gzip",
            Self::Zip => "is a ZIP archive",
            Self::Utf16 => "is UTF-16, not UTF-8",
        }
    }

    /// The next command or edit.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::LfsPointer => {
                "run `git lfs pull`; with actions/checkout, write `with: {lfs: true}`"
            }
            Self::Html => "get the file itself, not a web page that shows it",
            Self::Gzip => "decompress it with `gunzip`",
            Self::Zip => "extract the file from it with `unzip`",
            Self::Utf16 => "save it as UTF-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_recognised_by_their_first_bytes() {
        for (bytes, kind) in [
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".as_slice(),
                Some(FileKind::LfsPointer),
            ),
            (b"\xff\xfev\0e\0", Some(FileKind::Utf16)),
            (b"\xfe\xff\0v", Some(FileKind::Utf16)),
            (b"v\0e\0", Some(FileKind::Utf16)),
            (b"\0v\0e", Some(FileKind::Utf16)),
            (b"\n <!DOCTYPE HTML>", Some(FileKind::Html)),
            (b"<html lang=en>", Some(FileKind::Html)),
            (&[0x1f, 0x8b, 8], Some(FileKind::Gzip)),
            (b"PK\x03\x04", Some(FileKind::Zip)),
            (b"", None),
            (b"\0\0", None),
            (b"version: 1", None),
            (b"<h", None),
            (b"{}", None),
        ] {
            assert_eq!(FileKind::of(bytes), kind, "{bytes:?}");
        }
    }
}
