/// Unicode scalars, as numbers.
struct ScalarSet: Equatable {
    /// In order; they neither overlap nor touch. Surrogates may be inside a range and mean nothing.
    let ranges: [ClosedRange<UInt32>]

    /// - Parameter ranges: in any order, may overlap.
    init(_ ranges: [ClosedRange<UInt32>]) {
        var merged: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        self.ranges = merged
    }

    init(_ scalar: Unicode.Scalar) { self.init([scalar.value...scalar.value]) }

    /// The only scalar, if there is one.
    var only: Unicode.Scalar? {
        guard ranges.count == 1, ranges[0].count == 1 else { return nil }
        return Unicode.Scalar(ranges[0].lowerBound)
    }

    /// Every scalar that is not in the set.
    var inverted: ScalarSet {
        var gaps: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if next < range.lowerBound { gaps.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= Self.last { gaps.append(next...Self.last) }
        return ScalarSet(gaps)
    }

    /// With the other case of every ASCII letter in the set.
    var withBothCases: ScalarSet {
        var both = ranges
        for range in ranges {
            for (letters, other) in [(Self.upperCase, Self.lowerCase), (Self.lowerCase, Self.upperCase)] {
                guard range.overlaps(letters) else { continue }
                let part = range.clamped(to: letters)
                let first = other.lowerBound + (part.lowerBound - letters.lowerBound)
                both.append(first...(first + (part.upperBound - part.lowerBound)))
            }
        }
        return ScalarSet(both)
    }

    private static let last: UInt32 = 0x10FFFF
    private static let upperCase: ClosedRange<UInt32> = 0x41...0x5A
    private static let lowerCase: ClosedRange<UInt32> = 0x61...0x7A

    // MARK: Named sets

    static let notLineFeed = ScalarSet([0x0A...0x0A]).inverted
    static let digits = ScalarSet([0x30...0x39])
    static let word = ScalarSet([0x30...0x39, upperCase, lowerCase, 0x5F...0x5F])
    static let blanks = ScalarSet([0x09...0x0D, 0x20...0x20])

    /// The class of that name in POSIX, or `ascii` or `word`.
    static func posix(_ name: String) -> ScalarSet? {
        switch name {
        case "alnum": ScalarSet([0x30...0x39, upperCase, lowerCase])
        case "alpha": ScalarSet([upperCase, lowerCase])
        case "ascii": ScalarSet([0x00...0x7F])
        case "blank": ScalarSet([0x09...0x09, 0x20...0x20])
        case "cntrl": ScalarSet([0x00...0x1F, 0x7F...0x7F])
        case "digit": digits
        case "graph": ScalarSet([0x21...0x7E])
        case "lower": ScalarSet([lowerCase])
        case "print": ScalarSet([0x20...0x7E])
        case "punct": ScalarSet([0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E])
        case "space": blanks
        case "upper": ScalarSet([upperCase])
        case "word": word
        case "xdigit": ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])
        default: nil
        }
    }

    static let posixNames = "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit"
}
