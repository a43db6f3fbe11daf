/// A file that proves offline that an entry stands in a transparency log (C2SP tlog-proof, version 1). What the entry
/// is the file does not say: see ``EventProof``.
package struct TlogProof: Sendable, Equatable {
    /// Is authenticated by nothing.
    package var extra: [UInt8]?
    /// Number of the entry in the log, from 0.
    package var index: UInt64
    /// From the entry to the checkpoint's root, nearest the entry first.
    package var path: [Digest]
    /// A signed note.
    package var checkpoint: [UInt8]

    private static let kind = "c2sp.org/tlog-proof@"
    private static let version = "v1"

    package init(extra: [UInt8]?, index: UInt64, path: [Digest], checkpoint: [UInt8]) {
        self.extra = extra
        self.index = index
        self.path = path
        self.checkpoint = checkpoint
    }

    /// The file.
    package var bytes: [UInt8] {
        var output = Array("\(TlogProof.kind)\(TlogProof.version)\n".utf8)
        if let extra {
            output.append(text: "extra ")
            Base64.append(extra, to: &output)
            output.append(UInt8(ascii: "\n"))
        }
        output.append(text: "index ")
        output.append(decimal: index)
        output.append(UInt8(ascii: "\n"))
        for hash in path { output.append(contentsOf: "\(hash)\n".utf8) }
        output.append(UInt8(ascii: "\n"))
        return output + checkpoint
    }

    /// Reads a file; each proof has one form only. Nothing is verified.
    package init(_ file: [UInt8]) throws(FormatError) {
        guard file.count <= Limits.proof else {
            throw FormatError(.malformed, "a proof of more than \(Limits.proof) bytes")
        }
        var scanner = LineScanner(file)
        let first = try scanner.line()
        guard first.utf8.starts(with: TlogProof.kind.utf8) else {
            throw FormatError(.malformed, "the first line is not that of a tlog-proof", at: 0)
        }
        guard first.utf8.elementsEqual("\(TlogProof.kind)\(TlogProof.version)".utf8) else {
            throw FormatError(.unsupported, "a tlog-proof of a later version: \(first)", at: 0)
        }
        if let text = try scanner.optionalValue("extra", limit: Limits.proof) {
            guard let extra = Base64.decode(text) else {
                throw FormatError(.malformed, "what stands behind \"extra\" is not base64")
            }
            self.extra = extra
        }
        index = try scanner.number("index")
        path = try scanner.hashes()
        checkpoint = try scanner.rest(limit: Limits.note)
    }
}
