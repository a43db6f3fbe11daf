/// What a log asks of a witness: to cosign a checkpoint (C2SP tlog-witness v1.0.0, `POST <prefix>/add-checkpoint`).
package struct WitnessRequest: Sendable, Equatable {
    /// Size of the newest checkpoint that the witness has cosigned, as far as is known; 0 to learn it.
    package var oldSize: UInt64
    /// That the checkpoint's tree extends the one of that size; empty if that is 0.
    package var path: [Digest]
    /// The signed note.
    package var checkpoint: [UInt8]

    package init(oldSize: UInt64, path: [Digest], checkpoint: [UInt8]) {
        self.oldSize = oldSize
        self.path = path
        self.checkpoint = checkpoint
    }

    /// The body of the request.
    package var body: [UInt8] {
        var output = Array("old \(oldSize)\n".utf8)
        for hash in path { output.append(contentsOf: "\(hash)\n".utf8) }
        output.append(UInt8(ascii: "\n"))
        return output + checkpoint
    }

    /// Reads a body as a witness does.
    package init(body: [UInt8]) throws(FormatError) {
        var scanner = LineScanner(body)
        oldSize = try NoteText.number(scanner.value("old"), "old")
        path = try scanner.hashes()
        checkpoint = try scanner.rest(limit: Limits.note)
    }
}

/// What a witness answers.
package enum WitnessAnswer: Sendable, Equatable {
    /// It has cosigned. None of the signatures is verified yet: see ``SignedNote/cosigned(by:_:)``.
    case cosigned([SignedNote.Signature])
    /// The newest checkpoint that it has cosigned is of this size: ask again with a proof from there.
    case isAt(size: UInt64)
    /// It will not cosign, whatever is asked again.
    case refused(Refusal)

    /// Why a witness refuses, by the status of its answer.
    package enum Refusal: Sendable, Equatable {
        /// 400: the request is malformed, or the old size greater than the checkpoint's.
        case badRequest
        /// 403: not signed by a key that it trusts for this log.
        case notSigned
        /// 404: it does not know a log of this name.
        case unknownLog
        /// 409 without a size, and 422: what it has cosigned is not a prefix of this log. The log was forked, or its
        /// checkpoint is not that of the proof.
        case inconsistent
        /// Any other status: of the network between, or a witness in trouble.
        case status(Int)
    }

    /// Bytes of an answer at most: a reader's buffer; sixteen signature lines are some 4 KiB.
    package static let sizeLimit = 64 << 10

    /// - Parameters:
    ///   - status: of HTTP.
    ///   - contentType: the header `Content-Type`, with or without parameters.
    package init(status: Int, contentType: String?, body: [UInt8]) throws(FormatError) {
        guard body.count <= WitnessAnswer.sizeLimit else {
            throw FormatError(.malformed, "the witness answers with more than \(WitnessAnswer.sizeLimit) bytes")
        }
        switch status {
        case 200: self = .cosigned(try WitnessAnswer.signatures(body))
        case 400: self = .refused(.badRequest)
        case 403: self = .refused(.notSigned)
        case 404: self = .refused(.unknownLog)
        case 409:
            let type = contentType?.prefix { $0 != ";" && $0 != " " }.lowercased()
            self = type == "text/x.tlog.size" ? .isAt(size: try WitnessAnswer.size(body)) : .refused(.inconsistent)
        case 422: self = .refused(.inconsistent)
        default: self = .refused(.status(status))
        }
    }

    private static func signatures(_ body: [UInt8]) throws(FormatError) -> [SignedNote.Signature] {
        guard let text = String(validating: body, as: UTF8.self), text.hasSuffix("\n") else {
            throw FormatError(.malformed, "the witness's answer is not made of lines of UTF-8")
        }
        var signatures: [SignedNote.Signature] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            guard signatures.count < Limits.signatures else {
                throw FormatError(.malformed, "the witness answers with more than \(Limits.signatures) signatures")
            }
            signatures.append(try SignedNote.Signature(line: line))
        }
        return signatures
    }

    private static func size(_ body: [UInt8]) throws(FormatError) -> UInt64 {
        var scanner = LineScanner(body)
        let size = try NoteText.number(scanner.line(limit: 20), "size")
        guard scanner.isAtEnd else { throw FormatError(.malformed, "the witness answers with more than a size") }
        return size
    }
}
