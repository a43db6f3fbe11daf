/// A set of sequence numbers, kept as ranges in ascending order that neither overlap nor touch.
package struct SequenceRanges: Sendable, Equatable, CustomStringConvertible {
    package private(set) var ranges: [Range<UInt64>] = []

    package init() {}

    package init(_ ranges: some Sequence<Range<UInt64>>) {
        for range in ranges { insert(range) }
    }

    package var isEmpty: Bool { ranges.isEmpty }

    /// How many numbers are in the set.
    package var count: UInt64 { ranges.reduce(0) { $0 + UInt64($1.count) } }

    package func contains(_ sequence: UInt64) -> Bool {
        let place = firstIndex(endingAbove: sequence)
        return place < ranges.count && ranges[place].contains(sequence)
    }

    /// Whether every number of `range` is in the set.
    package func contains(_ range: Range<UInt64>) -> Bool {
        guard !range.isEmpty else { return true }
        let place = firstIndex(endingAbove: range.lowerBound)
        return place < ranges.count && ranges[place].lowerBound <= range.lowerBound
            && range.upperBound <= ranges[place].upperBound
    }

    /// The numbers of the set that are in `range`.
    package func clamped(to range: Range<UInt64>) -> SequenceRanges {
        var result = SequenceRanges()
        var place = firstIndex(endingAbove: range.lowerBound)
        while place < ranges.count, ranges[place].lowerBound < range.upperBound {
            result.insert(ranges[place].clamped(to: range))
            place += 1
        }
        return result
    }

    package mutating func insert(_ sequence: UInt64) { insert(sequence..<(sequence + 1)) }

    package mutating func insert(_ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        // Mostly they come in order.
        guard let last = ranges.last, range.lowerBound <= last.upperBound else { return ranges.append(range) }
        // All that touch it melt into one.
        var merged = range
        let start = range.lowerBound == 0 ? 0 : firstIndex(endingAbove: range.lowerBound - 1)
        var end = start
        while end < ranges.count, ranges[end].lowerBound <= range.upperBound {
            merged =
                min(merged.lowerBound, ranges[end].lowerBound)..<max(merged.upperBound, ranges[end].upperBound)
            end += 1
        }
        ranges.replaceSubrange(start..<end, with: [merged])
    }

    package mutating func formUnion(_ other: SequenceRanges) {
        for range in other.ranges { insert(range) }
    }

    /// The place of the first range that holds a number above `sequence`, or `sequence` itself.
    private func firstIndex(endingAbove sequence: UInt64) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound > sequence { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Reads `5,7-9`, both ends included, in any order; nil if it is anything else.
    package init?(_ text: String) {
        for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let ends = part.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).map { end in
                // UInt64 takes a sign.
                end.first == UInt8(ascii: "+") ? nil : UInt64(String(decoding: end, as: UTF8.self))
            }
            guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last,
                last < Limits.sequence
            else { return nil }
            insert(first..<(last + 1))
        }
    }

    /// `5,7-9`
    package var description: String {
        ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound - 1)" }
            .joined(separator: ",")
    }

    // MARK: - JSON

    /// Appends `[[first,last],…]`, both ends included: how own events of the daemon state them.
    package func append(to output: inout [UInt8]) {
        output.append(UInt8(ascii: "["))
        for (index, range) in ranges.enumerated() {
            output.append(text: index == 0 ? "[" : ",[")
            output.append(decimal: range.lowerBound)
            output.append(UInt8(ascii: ","))
            output.append(decimal: range.upperBound - 1)
            output.append(UInt8(ascii: "]"))
        }
        output.append(UInt8(ascii: "]"))
    }

    /// Reads what `append` wrote, at `index` of a tape; nil if it is anything else, or not in order.
    package init?(_ tape: JSONTape, at start: Int) {
        guard tape.kind(start) == .array else { return nil }
        var index = start + 1
        while tape.kind(index) != .arrayEnd {
            guard tape.kind(index) == .array, let first = tape.integer(index + 1), let last = tape.integer(index + 3),
                tape.kind(index + 5) == .arrayEnd, first <= last, last < Limits.sequence,
                ranges.last.map({ first > $0.upperBound }) ?? true
            else { return nil }
            ranges.append(first..<(last + 1))
            index += 6
        }
    }
}
