import CairnFormat

/// Fixed names, keys and times, so that the same input always does the same.
enum Fixture {
    static let time = Time(nanoseconds: 1_795_246_752_123_456_000)
    static let name = "audit.example.com/host1"
    static let uid: UInt32 = 1000
    static let pid: Int32 = 7

    static func origin() throws(FormatError) -> Origin { try Origin(name) }

    /// A key whose seed is 32 times `byte`.
    static func signer(_ byte: UInt8) throws(FormatError) -> SignerKey {
        try SignerKey(name: name, seed: [UInt8](repeating: byte, count: 32))
    }

    static func header(number: UInt64 = 0, first: UInt64 = 0) throws(FormatError) -> SegmentHeader {
        SegmentHeader(
            number: number, firstSequence: first, created: time, previousSeal: number == 0 ? .zero : .empty,
            saltKey: [UInt8](0..<32), origin: try origin(), key: try signer(1).verifier)
    }
}
