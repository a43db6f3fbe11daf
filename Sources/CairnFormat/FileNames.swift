/// Where the parts of a log stand, relative to its directory. Format.md, "Directory".
package enum FileNames {
    package static let origin = "origin"
    package static let checkpoint = "checkpoint"
    package static let head = "head"
    package static let keys = "keys"
    package static let epochKey = "keys/epoch"
    package static let nextEpochKey = "keys/epoch.next"
    package static let logKey = "keys/log"
    package static let segments = "segments"

    package enum Part: String, Sendable, CaseIterable {
        case data = ".ndjson.gz"
        case seal = ".seal"
        case index = ".index"
        /// While a segment is written anew: the index of the new data, until it takes the name of the old.
        case nextIndex = ".index.next"
        /// The same parts, encrypted for somebody else. Format.md, "Encryption at rest".
        case encryptedData = ".ndjson.gz.age"
        case encryptedIndex = ".index.age"
        case nextEncryptedIndex = ".index.next.age"

        /// What it holds once it is decrypted, or as it is.
        package var plain: Part {
            switch self {
            case .encryptedData: .data
            case .encryptedIndex: .index
            case .nextEncryptedIndex: .nextIndex
            default: self
            }
        }

        package var isEncrypted: Bool { plain != self }
    }

    /// What the name of an encrypted part ends with, behind that of the part.
    package static let encrypted = ".age"

    /// `firstSequence` is the segment's first sequence number.
    package static func segment(_ firstSequence: UInt64, _ part: Part) -> String {
        let digits = String(firstSequence)
        return segments + "/" + String(repeating: "0", count: 20 - digits.utf8.count) + digits + part.rawValue
    }

    /// What a name in `segments` is; nil for names that are not part of the log.
    package static func parse(_ name: String) -> (firstSequence: UInt64, part: Part)? {
        let digits = name.prefix { $0 != "." }
        guard digits.utf8.count == 20, digits.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }),
            let number = UInt64(digits), let part = Part(rawValue: String(name.dropFirst(20)))
        else { return nil }
        return (number, part)
    }
}
