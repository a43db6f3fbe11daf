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
    /// What a writer that stopped left for the next one. Format.md, "Resume file".
    package static let resume = "resume"

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
        var name = name
        return name.withUTF8 { name in
            guard name.count > 20, let number = decimal(name[..<20]),
                let part = partSuffixes.first(where: { $0.suffix.elementsEqual(name[20...]) })?.part
            else { return nil }
            return (number, part)
        }
    }

    private static let partSuffixes = Part.allCases.map { (suffix: Array($0.rawValue.utf8), part: $0) }

    private static func decimal(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = tens.addingReportingOverflow(UInt64(digit &- UInt8(ascii: "0")))
            guard digit &- UInt8(ascii: "0") < 10, !isTooLarge, !overflows else { return nil }
            value = sum
        }
        return value
    }
}

/// Some parts of a segment.
package struct SegmentParts: Sendable, Equatable {
    private var bits: UInt8 = 0

    package init() {}

    package mutating func insert(_ part: FileNames.Part) { bits |= SegmentParts.bit(part) }

    package func contains(_ part: FileNames.Part) -> Bool { bits & SegmentParts.bit(part) != 0 }

    private static func bit(_ part: FileNames.Part) -> UInt8 {
        switch part {
        case .data: 1
        case .seal: 2
        case .index: 4
        case .nextIndex: 8
        case .encryptedData: 16
        case .encryptedIndex: 32
        case .nextEncryptedIndex: 64
        }
    }
}
