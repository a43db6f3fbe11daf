/// Every limit of the format, with its reason. Format.md, "Limits", is the norm.
package enum Limits {
    /// Bytes of a received line at most: an event must fit in memory many times over.
    package static let receivedLine = 1 << 20
    /// Bytes of a received line unless configured otherwise.
    package static let receivedLineDefault = 256 << 10
    /// Bytes of a stored line without its LF: room for stamps, and for masks longer than what they hide.
    package static let storedLine = blockForReader - 1
    /// Bytes of the lines of a block with more than one event: what a query inflates to look at one.
    package static let block = 256 << 10
    /// Bytes of the lines of any block: a reader's buffer.
    package static let blockForReader = 2 << 20
    /// Bytes of a subfield's content: a reader's buffer.
    package static let subfield = 1 << 10
    /// Modules of a segment: the module bits of an index span.
    package static let modules = 1024
    /// Cells of an index: bounds memory when event times are hostile.
    package static let cells = 65_536
    /// Bytes of a seal, head, checkpoint or origin: 1,024 modules of 64 bytes are some 90 KiB.
    package static let note = 256 << 10
    /// Bytes of an origin: it stands in every header, note and key.
    package static let origin = 128
    /// Signatures of a note (C2SP signed-note: at least 16 must be accepted).
    package static let signatures = 16
    /// Levels of nested arrays and objects, empty ones not counted, in an event: simdjson's own default, far above real events.
    package static let depth = 1024
    /// Bytes of a refused line that its event keeps: enough to see what it was.
    package static let rejectedRaw = 4 << 10
    /// Paths that `_sanitized` names; masking itself has no limit.
    package static let sanitizedPaths = 64
    /// Bytes of those paths: even if each is escaped to six, they fit into what a masked line leaves of `storedLine`.
    package static let sanitizedPathBytes = 8 << 10
    /// Sequence numbers are below this: they stay positive in every language's 64-bit integer.
    package static let sequence: UInt64 = 1 << 63
}
