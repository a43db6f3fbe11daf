import CairnFormat
import Testing

/// Single salts are destroyed, and all others stay as they were.
@Suite struct PuncturedSaltsTests {
    private static func salt(_ salts: inout Salts, _ sequence: UInt64) -> [UInt8]? {
        salts.withSalt(of: sequence) { $0.map { Array($0) } }
    }

    /// Reads salt members as a reader does.
    private static func decode(
        _ members: [UInt8], of sequences: Range<UInt64>
    ) throws(FormatError) -> PuncturedSalts {
        var (salts, next, offset) = (PuncturedSalts(), sequences.lowerBound, 0)
        try members.withBytes { bytes throws(FormatError) in
            while offset < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
                let head = try Member.head(rest)
                guard head.kind == .salts else { throw FormatError(.malformed, "not a salt member") }
                try Member.checkEmptyPayload(rest, at: head.size)
                let content = UnsafeRawBufferPointer(rebasing: rest[head.content])
                try salts.take(content, start: sequences.lowerBound, end: sequences.upperBound, next: &next)
                offset += head.size + Member.emptyPayload.count
            }
        }
        guard next >= sequences.upperBound else { throw FormatError(.truncated, "salts are missing") }
        return salts
    }

    private static let ranges: [Range<UInt64>] = [
        0..<1, 0..<1024, 0..<1025, 5..<70, 1000..<1100, 1024..<2048, 2000..<100_000, 1 << 40..<1 << 40 + 5000,
    ]

    @Test(arguments: ranges) func onlyTheErasedAreGone(_ sequences: Range<UInt64>) throws {
        var random = SeededRandom()
        let key = random.bytes(32)
        var whole = Salts(saltKey: key)
        let chosen = (0..<8).map { _ in sequences.lowerBound + UInt64(random.below(sequences.count)) }
        let erased = Set(chosen + [sequences.lowerBound, sequences.upperBound - 1]).sorted()
        let punctured = PuncturedSalts(whole, of: sequences, destroying: erased)
        let members = punctured.encoded(of: sequences)
        let read = try Self.decode(members, of: sequences)
        #expect(read == punctured)
        var left = Salts(.punctured(read))
        let sampled = erased + (0..<3000).map { _ in sequences.lowerBound + UInt64(random.below(sequences.count)) }
        for sequence in sampled {
            let expected = erased.contains(sequence) ? nil : Self.salt(&whole, sequence)
            check(Self.salt(&left, sequence) == expected, "event \(sequence)")
        }
        // Neither the destroyed salts nor what gives them are in the bytes.
        check(!members.contains(key), "the salt key")
        for sequence in erased {
            check(!members.contains(Self.salt(&whole, sequence) ?? []), "the salt of \(sequence)")
        }
    }

    @Test func destroyedOneAfterTheOther() throws {
        var random = SeededRandom()
        let key = random.bytes(32)
        let sequences: Range<UInt64> = 100..<5000
        var salts = Salts(saltKey: key)
        var whole = salts
        var gone: Set<UInt64> = []
        for _ in 0..<20 {
            let next = sequences.lowerBound + UInt64(random.below(sequences.count))
            gone.insert(next)
            salts = Salts(.punctured(PuncturedSalts(salts, of: sequences, destroying: [next])))
        }
        var once = Salts(.punctured(PuncturedSalts(whole, of: sequences, destroying: gone.sorted())))
        for sequence in sequences {
            let left = Self.salt(&salts, sequence)
            check(left == Self.salt(&once, sequence), "event \(sequence)")
            check(left == (gone.contains(sequence) ? nil : Self.salt(&whole, sequence)), "event \(sequence)")
        }
    }

    /// One of a million events is erased.
    @Test func fewBytesForMany() {
        let sequences: Range<UInt64> = 0..<1_000_000
        let punctured = PuncturedSalts(Salts(saltKey: [UInt8](0..<32)), of: sequences, destroying: [500_000])
        #expect(punctured.encoded(of: sequences).count < 50_000)
    }

    @Test func membersOutOfPlaceAreRefused() throws {
        let sequences: Range<UInt64> = 1000..<9000
        let punctured = PuncturedSalts(Salts(saltKey: [UInt8](0..<32)), of: sequences, destroying: [1500, 4000])
        let members = punctured.encoded(of: sequences)
        var parts: [[UInt8]] = []
        var rest = members[...]
        while !rest.isEmpty {
            let head = try Array(rest).withBytes { bytes throws(FormatError) in try Member.head(bytes) }
            let size = head.size + Member.emptyPayload.count
            parts.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        #expect(parts.count > 20)
        for index in parts.indices {
            var without = parts
            without.remove(at: index)
            #expect(throws: FormatError.self) { try Self.decode(without.flatMap { $0 }, of: sequences) }
            var twice = parts
            twice.insert(parts[index], at: index)
            #expect(throws: FormatError.self) { try Self.decode(twice.flatMap { $0 }, of: sequences) }
            guard index > 0 else { continue }
            var swapped = parts
            swapped.swapAt(index, index - 1)
            #expect(throws: FormatError.self) { try Self.decode(swapped.flatMap { $0 }, of: sequences) }
        }
    }
}
