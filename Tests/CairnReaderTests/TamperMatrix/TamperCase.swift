import CairnFormat
import CairnReader
import Foundation

/// What a verifier must say of a log: the verdict and the first bad event.
struct Outcome: Encodable, Equatable, Sendable, CustomStringConvertible {
    var verdict: Verdict
    var sequence: UInt64?

    init(_ verdict: Verdict, _ sequence: UInt64? = nil) {
        self.verdict = verdict
        self.sequence = sequence
    }

    var description: String { "\(verdict.rawValue) \(sequence.map { "\($0)" } ?? "-")" }
}

extension Verdict: Encodable {}

/// Bytes to be written: a range of a file of one of the logs of the matrix, or bytes of their own.
struct Piece: Encodable, Equatable, Sendable {
    var log: String?
    var path: String?
    var range: [Int]?
    var bytes: Data?

    /// The whole file, unless a range is given.
    static func of(_ log: String, _ path: String, _ range: Range<Int>? = nil) -> Piece {
        Piece(log: log, path: path, range: range.map { [$0.lowerBound, $0.upperBound] })
    }

    static func bytes(_ bytes: [UInt8]) -> Piece { Piece(bytes: Data(bytes)) }
}

/// One change of one file: a byte that is xor-ed with a mask, or new contents, or, with neither, its removal.
struct Edit: Encodable, Equatable, Sendable {
    var path: String
    var flip: [Int]?
    var pieces: [Piece]?

    static func flip(_ path: String, _ offset: Int, _ mask: UInt8) -> Edit {
        Edit(path: path, flip: [offset, Int(mask)])
    }

    static func write(_ path: String, _ pieces: Piece...) -> Edit { Edit(path: path, pieces: pieces) }

    static func write(_ path: String, _ pieces: [Piece]) -> Edit { Edit(path: path, pieces: pieces) }

    static func remove(_ path: String) -> Edit { Edit(path: path) }
}

/// One way to tamper with a log, and what must come of it. What is expected follows from the structure of the log and
/// never from a verifier.
struct TamperCase: Encodable, Sendable {
    enum Kind: String, Encodable, CaseIterable, Sendable {
        case flip, cut, structure, forgery, random
    }

    var kind: Kind
    var name: String
    /// Name of the log that is changed.
    var log = TamperMatrix.main
    var edits: [Edit] = []
    /// The genesis key that is given to the verifier: the log's own unless it says otherwise; none if it is empty.
    var key: String?
    /// A kept checkpoint that is given to the verifier.
    var checkpoint: Data?
    var expected: Outcome
    /// Why a change may pass: it is VERIFIED only where this is given.
    var reason: String?
}

/// The files of a log by path.
typealias Files = [String: [UInt8]]

extension Files {
    /// The files after `edits`, whose pieces come from `logs`.
    func applying(_ edits: [Edit], from logs: [String: Files]) -> Files {
        var files = self
        for edit in edits {
            if let flip = edit.flip {
                files[edit.path]?[flip[0]] ^= UInt8(flip[1])
            } else if let pieces = edit.pieces {
                files[edit.path] = pieces.flatMap { piece -> [UInt8] in
                    if let bytes = piece.bytes { return Array(bytes) }
                    let whole = piece.log.flatMap { logs[$0] }.flatMap { log in piece.path.flatMap { log[$0] } } ?? []
                    return piece.range.map { Array(whole[$0[0]..<$0[1]]) } ?? whole
                }
            } else {
                files[edit.path] = nil
            }
        }
        return files
    }

    /// The edits that make `other` of these files.
    func edits(to other: Files) -> [Edit] {
        Set(keys).union(other.keys).sorted().compactMap { path in
            guard self[path] != other[path] else { return nil }
            return other[path].map { .write(path, .bytes($0)) } ?? .remove(path)
        }
    }
}
