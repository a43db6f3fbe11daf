import CairnFormat
import Testing

/// A set of numbers, whatever the order in which they come.
@Suite struct SequenceRangesTests {
    /// The numbers one by one.
    private static func numbers(_ ranges: SequenceRanges) -> Set<UInt64> { Set(ranges.ranges.flatMap { $0 }) }

    private static func expectSound(_ ranges: SequenceRanges, _ comment: String) {
        check(ranges.ranges.allSatisfy { !$0.isEmpty }, "\(comment): an empty range")
        check(
            zip(ranges.ranges, ranges.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound },
            "\(comment): \(ranges.ranges) overlap or touch")
    }

    @Test func itIsTheSetOfWhatWasPutIn() {
        var random = SeededRandom()
        for round in 0..<300 {
            var (ranges, set) = (SequenceRanges(), Set<UInt64>())
            for step in 0..<(1 + random.below(40)) {
                let first = UInt64(random.below(200))
                switch random.below(4) {
                case 0:
                    ranges.insert(first)
                    set.insert(first)
                case 1:
                    var other = SequenceRanges()
                    for _ in 0..<random.below(4) {
                        let next = UInt64(random.below(200))
                        other.insert(next..<(next + UInt64(random.below(9))))
                    }
                    ranges.formUnion(other)
                    set.formUnion(Self.numbers(other))
                default:
                    let range = first..<(first + UInt64(random.below(20)))
                    ranges.insert(range)
                    set.formUnion(range)
                }
                Self.expectSound(ranges, "round \(round), step \(step)")
            }
            check(Self.numbers(ranges) == set, "round \(round)")
            check(ranges.count == UInt64(set.count), "round \(round): \(ranges.count) of \(set.count)")
            check(ranges.isEmpty == set.isEmpty, "round \(round)")
            check(SequenceRanges(ranges.ranges.shuffled(using: &random)) == ranges, "round \(round): another order")
            Self.compare(ranges, set, &random, round)
        }
    }

    /// What it answers is what the set says.
    private static func compare(
        _ ranges: SequenceRanges, _ set: Set<UInt64>, _ random: inout SeededRandom, _ round: Int
    ) {
        for number in 0..<UInt64(225) {
            check(ranges.contains(number) == set.contains(number), "round \(round): \(number)")
        }
        for _ in 0..<60 {
            let first = UInt64(random.below(220))
            let range = first..<(first + UInt64(random.below(30)))
            check(ranges.contains(range) == set.isSuperset(of: range), "round \(round): contains \(range)")
            let clamped = ranges.clamped(to: range)
            expectSound(clamped, "round \(round): clamped to \(range)")
            check(numbers(clamped) == set.intersection(range), "round \(round): clamped to \(range)")
        }
    }

    @Test func theEndsOfAllNumbers() {
        var ranges = SequenceRanges()
        ranges.insert(0)
        ranges.insert(UInt64.max - 1)
        #expect(ranges.count == 2)
        #expect(ranges.contains(0) && ranges.contains(UInt64.max - 1) && !ranges.contains(1))
        ranges.insert(0..<UInt64.max)
        #expect(ranges.ranges == [0..<UInt64.max])
        #expect(ranges.clamped(to: 5..<6).ranges == [5..<6])
        #expect(ranges.contains(7..<7) && SequenceRanges().contains(7..<7))
        #expect(SequenceRanges([3..<3]).isEmpty)
    }

    // MARK: Text

    @Test(
        arguments: [
            ("5", [5..<6]), ("5,7-9", [5..<6, 7..<10]), ("7-9,5", [5..<6, 7..<10]), ("1-1", [1..<2]),
            ("3,1,2", [1..<4]), ("1-5,2-3", [1..<6]), ("0", [0..<1]), ("007", [7..<8]),
            ("9223372036854775807", [(1 << 63) - 1..<1 << 63]),
        ] as [(String, [Range<UInt64>])])
    func textIsRead(_ text: String, _ expected: [Range<UInt64>]) throws {
        #expect(try #require(SequenceRanges(text)).ranges == expected)
    }

    @Test(
        arguments: [
            "", ",", "5,", ",5", "5,,6", "a", "5-", "-5", "+5", "1-+5", "5-4", "1-2-3", "5 ", " 5", "5;6", "0x5", "5.0",
            "-", "--",
            "9223372036854775808", "18446744073709551615", "18446744073709551616", "1-18446744073709551615", "٥",
        ])
    func otherTextIsRefused(_ text: String) {
        #expect(SequenceRanges(text) == nil)
    }

    // MARK: JSON

    private static func read(_ json: String) throws -> SequenceRanges? {
        let parser = try JSONParser()
        return try Array(json.utf8).padded { SequenceRanges(try parser.parse($0), at: 1) }
    }

    @Test func whatIsWrittenIsRead() throws {
        var random = SeededRandom()
        for _ in 0..<200 {
            var ranges = SequenceRanges()
            for _ in 0..<random.below(20) {
                // Small ones, such as do not fit into 53 bits, and the last that there are.
                let most: UInt64 = random.element([1000, 1 << 60, Limits.sequence - 100])
                let first = random.next() % most
                ranges.insert(first..<(first + 1 + UInt64(random.below(50))))
            }
            var json: [UInt8] = []
            ranges.append(to: &json)
            check(try Self.read(json.text) == ranges, json.text)
        }
    }

    @Test func theFormIsThatOfTheFormat() {
        var json: [UInt8] = []
        SequenceRanges([7..<10, 2..<3]).append(to: &json)
        #expect(json.text == "[[2,2],[7,9]]")
        json = []
        SequenceRanges().append(to: &json)
        #expect(json.text == "[]")
    }

    @Test(
        arguments: [
            "{}", "null", "5", "\"5\"", "[5]", "[[5]]", "[[5,6,7]]", "[[]]", "[[6,5]]", "[[1,2],[2,3]]",
            "[[1,2],[3,4]]",
            "[[5,6],[1,2]]", "[[1,2],[1,2]]", "[[1,2],3]", "[[\"1\",2]]", "[[1,\"2\"]]", "[[-1,2]]", "[[1,2.0]]",
            "[[1,null]]", "[[1,9223372036854775808]]", "[[1,18446744073709551615]]", "[[[1,2]]]", "[[1,[2]]]",
            "[{\"a\":1}]", "[[1,2],[]]", "[[1e0,2]]", "[[true,false]]",
        ])
    func otherJSONIsRefused(_ json: String) throws {
        #expect(try Self.read(json) == nil)
    }

    @Test func theLastNumberIsTaken() throws {
        #expect(try Self.read("[[0,9223372036854775807]]")?.ranges == [0..<Limits.sequence])
        #expect(try Self.read("[]")?.isEmpty == true)
    }
}

/// What of a tape those who read own events rely on.
@Suite struct JSONTapeTests {
    private static func tape<R>(_ json: String, _ body: (JSONTape) throws -> R) throws -> R {
        let parser = try JSONParser()
        return try Array(json.utf8).padded { try body(try parser.parse($0)) }
    }

    @Test(
        arguments: [
            ("0", 0), ("7", 7), ("9223372036854775807", UInt64(Int64.max)), ("9223372036854775808", 1 << 63),
            ("18446744073709551615", UInt64.max), ("-1", nil), ("-0", 0), ("-9223372036854775808", nil), ("1.0", nil),
            ("1e3", nil), ("\"7\"", nil), ("true", nil), ("null", nil), ("[7]", nil), ("{\"a\":7}", nil),
        ] as [(String, UInt64?)])
    func integersAreThoseThatAreNotNegative(_ json: String, _ expected: UInt64?) throws {
        try Self.tape("{\"n\":\(json)}") { tape in
            let index = try #require(tape.member("n", of: 1))
            #expect(tape.integer(index) == expected)
        }
    }

    @Test func membersAreFoundBehindValuesOfEveryKind() throws {
        let json =
            #"{"a":{"x":1,"n":[5]},"b":[1,{"n":6},[]],"c":1.5,"d":-3,"e":18446744073709551615,"f":"n","n":7,"#
            + #""o":{}}"#
        try Self.tape(json) { tape in
            #expect(tape.member("n", of: 1).flatMap(tape.integer) == 7)
            #expect(tape.member("x", of: 1) == nil)
            let inner = try #require(tape.member("a", of: 1))
            #expect(tape.member("x", of: inner).flatMap(tape.integer) == 1)
            #expect(try tape.kind(#require(tape.member("n", of: inner))) == .array)
            #expect(try tape.kind(#require(tape.member("o", of: 1))) == .object)
            let text = try #require(tape.member("f", of: 1))
            #expect(String(decoding: tape.string(text), as: UTF8.self) == "n")
            // Not of an object, and of an empty one.
            #expect(tape.member("n", of: text) == nil)
            #expect(tape.member("n", of: try #require(tape.member("o", of: 1))) == nil)
        }
    }

    /// A name is what it is after its escapes, and the last of two counts.
    @Test func namesAreUnescaped() throws {
        try Self.tape(#"{"\u006e":1,"na":2}"#) { #expect($0.member("n", of: 1).flatMap($0.integer) == 1) }
        try Self.tape(#"{"n":1,"n":2}"#) { #expect($0.member("n", of: 1).flatMap($0.integer) == 2) }
    }
}
