/// What is left of a segment's salts once some were destroyed: the keys of the groups that were not touched, and the
/// single salts of those that were. Format.md, "Salt content".
package struct PuncturedSalts: Sendable, Equatable {
    /// By the number of the group.
    package internal(set) var groupKeys: [UInt64: Digest] = [:]
    /// By the number of the group: the salts of its events, 16 bytes each, zeros where one was destroyed or belongs to
    /// another segment.
    package internal(set) var salts: [UInt64: [UInt8]] = [:]

    package init() {}

    /// Destroys the salts of `erased`.
    ///
    /// - Parameters:
    ///   - salts: those of the segment so far.
    ///   - sequences: those of the segment.
    ///   - erased: in ascending order, each within `sequences`.
    package init(_ salts: Salts, of sequences: Range<UInt64>, destroying erased: [UInt64]) {
        guard !sequences.isEmpty else { return }
        let groups = (sequences.lowerBound / Salts.groupSize)...((sequences.upperBound - 1) / Salts.groupSize)
        let touched = Set(erased.map { $0 / Salts.groupSize })
        for group in groups {
            if !touched.contains(group), let key = salts.groupKey(group) {
                groupKeys[group] = key
                continue
            }
            let start = group * Salts.groupSize
            let own = sequences.clamped(to: start..<(start + Salts.groupSize))
            var left = [UInt8](repeating: 0, count: Int(Salts.groupSize) * Salts.size)
            let before = salts.salts(of: group)
            if !before.isEmpty {
                let range = (Int(own.lowerBound - start) * Salts.size)..<(Int(own.upperBound - start) * Salts.size)
                left.replaceSubrange(range, with: before[range])
            }
            self.salts[group] = left
        }
        for sequence in erased {
            let place = Int(sequence % Salts.groupSize) * Salts.size
            let zeros = repeatElement(UInt8(0), count: Salts.size)
            self.salts[sequence / Salts.groupSize]?.replaceSubrange(place..<(place + Salts.size), with: zeros)
        }
    }

    // MARK: - Members

    /// What one salt member holds.
    enum Kind: UInt16 {
        /// Keys of groups that follow each other.
        case groupKeys = 0
        /// Salts of events that follow each other.
        case salts = 1
    }

    /// Bytes of a salt member's content before its keys or salts, and of the CRC-32C behind them.
    private static let frame = 16 + 4

    /// All its members, in the order of sequence.
    package func encoded(of sequences: Range<UInt64>) -> [UInt8] {
        var output: [UInt8] = []
        guard !sequences.isEmpty else { return output }
        let last = (sequences.upperBound - 1) / Salts.groupSize
        var group = sequences.lowerBound / Salts.groupSize
        while group <= last {
            if groupKeys[group] != nil {
                var keys: [UInt8] = []
                let first = group
                while let key = groupKeys[group], keys.count + 32 + PuncturedSalts.frame <= Limits.subfield {
                    keys.append(contentsOf: key.bytes)
                    group += 1
                }
                PuncturedSalts.append(.groupKeys, first: first, keys[...], to: &output)
            } else {
                append(group, sequences, to: &output)
                group += 1
            }
        }
        return output
    }

    private func append(_ group: UInt64, _ sequences: Range<UInt64>, to output: inout [UInt8]) {
        let start = group * Salts.groupSize
        let own = sequences.clamped(to: start..<(start + Salts.groupSize))
        let most = UInt64((Limits.subfield - PuncturedSalts.frame) / Salts.size)
        guard let salts = salts[group] else { return }
        var first = own.lowerBound
        while first < own.upperBound {
            let end = min(own.upperBound, first + most)
            let range = (Int(first - start) * Salts.size)..<(Int(end - start) * Salts.size)
            PuncturedSalts.append(.salts, first: first, salts[range], to: &output)
            first = end
        }
    }

    private static func append(_ kind: Kind, first: UInt64, _ bytes: ArraySlice<UInt8>, to output: inout [UInt8]) {
        Member.appendHead(.salts, to: &output) { output in
            output.append(littleEndian: kind.rawValue)
            output.append(littleEndian: UInt16(bytes.count / (kind == .groupKeys ? 32 : Salts.size)))
            output.append(littleEndian: UInt32(0))
            output.append(littleEndian: first)
            output.append(contentsOf: bytes)
        }
        output.append(contentsOf: Member.emptyPayload)
    }

    /// Takes the content of the next salt member. Members stand in the order of sequence, without gaps.
    ///
    /// - Parameters:
    ///   - start: the first sequence number of the segment.
    ///   - end: the number behind its last one.
    ///   - next: the first one that no member has covered so far; is moved on.
    package mutating func take(
        _ content: UnsafeRawBufferPointer, start: UInt64, end: UInt64, next: inout UInt64
    ) throws(FormatError) {
        var reader = ByteReader(content)
        let kind = try Kind(rawValue: reader.integer())
        let count = try UInt64(reader.integer(UInt16.self))
        let reserved = try reader.integer(UInt32.self)
        let first = try reader.integer(UInt64.self)
        guard let kind, reserved == 0, count > 0, first < Limits.sequence, next < end else {
            throw FormatError(.malformed, "a salt member's content is malformed")
        }
        switch kind {
        case .groupKeys:
            guard first == next / Salts.groupSize, first < Limits.sequence / Salts.groupSize,
                next == start || next.isMultiple(of: Salts.groupSize),
                first + count <= (end - 1) / Salts.groupSize + 1, reader.remaining == Int(count) * 32
            else { throw Self.misplaced }
            for group in first..<(first + count) { groupKeys[group] = try reader.digest() }
            next = (first + count) * Salts.groupSize
        case .salts:
            let group = first / Salts.groupSize
            guard first == next, first + count <= end, reader.remaining == Int(count) * Salts.size,
                (first + count - 1) / Salts.groupSize == group
            else { throw Self.misplaced }
            let place = Int(first % Salts.groupSize) * Salts.size
            let bytes = try reader.array(Int(count) * Salts.size)
            salts[group, default: [UInt8](repeating: 0, count: Int(Salts.groupSize) * Salts.size)]
                .replaceSubrange(place..<(place + bytes.count), with: bytes)
            next = first + count
        }
    }

    private static let misplaced = FormatError(.mismatch, "a salt member is not in its place")
}
