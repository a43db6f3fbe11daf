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
    /// Bytes of lines with which a span of an index ends: a query reads at least a span, and each has a filter of its own.
    package static let span = 128 << 10
    /// Bytes of the lines of any block: a reader's buffer.
    package static let blockForReader = 2 << 20
    /// Bytes of a subfield's content: a reader's buffer.
    package static let subfield = 1 << 10
    /// Modules of a segment: the module bits of an index span.
    package static let modules = 1024
    /// Retention classes of a segment: bounds memory and the index when tenants are many.
    package static let classes = 1024
    /// Tallies of an index: bounds memory and the index when modules and classes are both many.
    package static let tallies = 16_384
    /// Compliance tags of a retention class: an event falls under a handful of regulations.
    package static let tags = 16
    /// Bytes of a tag in a retention class: the names of regulations are short.
    package static let tag = 32
    /// Bytes of a tenant in a retention class: a name, or two UUIDs with a word between them.
    package static let tenant = 128
    /// Bytes of an index: it is smaller than its segment; this keeps a wild file from filling the memory of readers. A writer
    /// seals with half of it.
    package static let index = 1 << 30
    /// Cells of an index: bounds memory when event times are hostile.
    package static let cells = 65_536
    /// Bytes of a seal, head, checkpoint or origin: 1,024 modules of 64 bytes are some 90 KiB.
    package static let note = 256 << 10
    /// Bytes of an origin: it stands in every header, note and key.
    package static let origin = 128
    /// Signatures of a note (C2SP signed-note: at least 16 must be accepted).
    package static let signatures = 16
    /// Hashes of an inclusion or consistency proof: a tree of 2^63 leaves needs no more (C2SP tlog-witness allows no more).
    package static let proofHashes = 63
    /// Bytes of a file that proves an event: the longest line and two notes in base64, a checkpoint and the hashes.
    package static let proof = 4 << 20
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
