import Testing

@testable import CairnFormat

/// An event with the strings that a text is searched for in.
private struct TextEvent {
    var line: [UInt8]
    var texts: [String]

    /// `members` are of `details`: a name may stand there twice.
    init(action: String, actor: [(String, String)] = [], details: [(String, TextValue)] = []) {
        var texts = [action] + actor.map(\.1)
        for (_, value) in details { value.forEachText { texts.append($0) } }
        self.texts = texts
        let actor = actor.map { "\(quoted($0)):\(quoted($1))" }.joined(separator: ",")
        let details = details.map { "\(quoted($0)):\($1.json)" }.joined(separator: ",")
        line = Array(
            #"{"details":{\#(details)},"actor":{\#(actor)},"action":\#(quoted(action)),"module":"not searched"}"#.utf8)
    }

    func has(_ text: String) -> Bool {
        let wanted = text.utf8.map(lowered)
        return texts.contains { $0.utf8.map(lowered).hasRun(wanted) }
    }
}

private indirect enum TextValue {
    case text(String)
    case number(Int)
    case array([TextValue])
    case object(String, TextValue)

    var json: String {
        switch self {
        case .text(let text): quoted(text)
        case .number(let number): "\(number)"
        case .array(let values): "[\(values.map(\.json).joined(separator: ","))]"
        case .object(let name, let value): "{\(quoted(name)):\(value.json)}"
        }
    }

    func forEachText(_ body: (String) -> Void) {
        switch self {
        case .text(let text): body(text)
        case .number: break
        case .array(let values): for value in values { value.forEachText(body) }
        case .object(_, let value): value.forEachText(body)
        }
    }
}

/// As JSON, with an escape for every seventh character, so that escaped strings are met, too.
private func quoted(_ text: String) -> String {
    let units = Array(text.utf16)
    var json = ""
    for (index, character) in text.enumerated() {
        guard let unit = character.utf16.first, character.utf16.count == 1 else {
            json.append(character)
            continue
        }
        if index % 7 == units.count % 7 || unit < 0x20 || character == "\"" || character == "\\" {
            let digits = String(unit, radix: 16)
            json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
            json.append(character)
        }
    }
    return "\"\(json)\""
}

private func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 0x20 : byte }

extension [UInt8] {
    fileprivate func hasRun(_ run: [UInt8]) -> Bool {
        count >= run.count && (0...(count - run.count)).contains { self[$0..<($0 + run.count)].elementsEqual(run) }
    }
}

/// A segment of these events in blocks of at most so many, handed over in batches of so many. With zlib: what is compared
/// must not depend on libisal, which may make another stream of the same lines.
private func segment(_ events: [TextEvent], perBlock: Int, perBatch: Int = .max) throws -> TestSegment {
    var segment = try TestSegment(try Fixture.header(number: 4, first: 1000), .zlib(level: 1))
    var left = events[...]
    while !left.isEmpty {
        var block = left.prefix(perBlock)
        left = left.dropFirst(perBlock)
        while !block.isEmpty {
            // All at the same time: stamps have nothing to do with it.
            try segment.append(block.prefix(perBatch).map(\.line), at: Fixture.time)
            block = block.dropFirst(perBatch)
        }
        try segment.closeBlock(durable: 1000)
    }
    return segment
}

/// The texts of the only span of an index, and how many events it has.
private func texts(_ index: [UInt8]) throws -> (bytes: [UInt8], count: Int) {
    let size = try index.withUnsafeBytes { try SegmentIndex.size(header: $0) }
    let spans = try SegmentIndex(index).spans
    try #require(spans.count == 1)
    return (Array(index[size.filterEnd..<(size.file - 4)]), Int(spans[0].count))
}

@Suite struct SpanTextsTests {
    private static let words = [
        "password mismatch", "Account Locked", "token expired", "größe", "日本語のテキスト", "", "a", "ab", "abc",
        "line\nbreak", "quote\"quote", "x@harbour.example", String(repeating: "long ", count: 20),
    ]

    /// So many texts: a few fit into columns, many go to the filter.
    private static func vocabulary(_ count: Int, _ random: inout SeededRandom) -> [String] {
        (0..<count).map { _ in
            switch random.below(4) {
            case 0: "u\(random.below(500))"
            case 1: "\(random.element(words))\(random.below(3))"
            default: random.element(words)
            }
        }
    }

    private static func event(
        _ random: inout SeededRandom, wide: Bool, of vocabulary: [String], padding: Int = 0
    ) -> TextEvent {
        func text() -> String { random.element(vocabulary) }
        var details: [(String, TextValue)] = []
        for _ in 0..<random.below(wide ? 24 : 5) {
            let name = random.below(9) == 0 ? "a name of more than 16 bytes" : "m\(random.below(wide ? 40 : 4))"
            let value: TextValue =
                switch random.below(10) {
                case 0: .array([.text(text()), .number(7), .object("deep", .text(text()))])
                case 1: .object("deep", .text(text()))
                case 2: .number(random.below(9))
                default: .text(text())
                }
            details.append((name, value))
        }
        if padding > 0 {
            // In no column, and few trigrams.
            details.append(("padding", .array([.text(String(repeating: "-", count: padding))])))
            if random.below(2) == 0 { details.swapAt(0, details.count - 1) }
        }
        let actor =
            random.below(5) == 0 ? [] : [("id", "u\(random.below(900))"), ("type", random.element(["user", "host"]))]
        return TextEvent(action: random.element(["login", "Export", "update"]), actor: actor, details: details)
    }

    /// What the index knows of a text is what looking at each event gives, and of texts that occur in columns it knows it.
    @Test(arguments: [false, true])
    func knowsWhatALookAtEachEventGives(_ wide: Bool) throws {
        var random = SeededRandom()
        var (known, unknown) = (0, 0)
        for round in 0..<20 {
            let vocabulary = Self.vocabulary([4, 12, 600][round % 3], &random)
            let events = (0..<(1 + random.below(700))).map { _ in
                Self.event(&random, wide: wide, of: vocabulary)
            }
            var segment = try segment(events, perBlock: 1 + random.below(300))
            var wanted = ["login", "PORT", "nobody has this", "mismatch", "日本語", "ab", "x@harbour", "module", "deep"]
            for _ in 0..<20 {
                let text = random.element(random.element(events).texts)
                let start = random.below(text.count + 1)
                let part = text.dropFirst(start).prefix(1 + random.below(12))
                if !part.isEmpty { wanted.append(String(random.below(2) == 0 ? part.uppercased() : String(part))) }
            }
            let index = try SegmentIndex(try segment.finish().index, texts: wanted)
            var start = 0
            for (number, span) in index.spans.enumerated() {
                let own = events[start..<(start + Int(span.count))]
                start += own.count
                for text in wanted {
                    guard let found = index.events(with: text, inSpan: number) else {
                        unknown += 1
                        continue
                    }
                    known += 1
                    var naive = EventSet(count: own.count, all: false)
                    for (place, event) in own.enumerated() where event.has(text) { naive.insert(place) }
                    #expect(found == naive, "\"\(text)\"")
                    #expect(found.isEmpty == (naive.count == 0) && found.isAll == (naive.count == own.count))
                    #expect(found.inverted.count == own.count - found.count)
                }
                #expect(index.events(with: "was not asked for", inSpan: number) == nil)
            }
        }
        // It would be of no use if it knew next to nothing.
        #expect(known > 20, "\(known) known, \(unknown) unknown")
    }

    /// Where `fills` is true blocks end because they are full, in the middle of batches.
    @Test(arguments: [false, true])
    func theIndexDoesNotDependOnBatches(_ fills: Bool) throws {
        var random = SeededRandom("theIndexDoesNotDependOnBatches \(fills)")
        for round in 0..<6 {
            let vocabulary = Self.vocabulary([600, 10][round % 2], &random)
            let events = (0..<400).map { _ in
                Self.event(
                    &random, wide: random.below(2) == 0, of: vocabulary,
                    padding: fills && random.below(4) == 0 ? random.below(Limits.block / 4) : 0)
            }
            let perBlock = fills ? events.count : 1 + random.below(200)
            var whole = try segment(events, perBlock: perBlock)
            let index = try whole.finish().index
            for perBatch in [1, 2, 17, 100] {
                var other = try segment(events, perBlock: perBlock, perBatch: perBatch)
                #expect(try other.finish().index == index)
                var again = try restored(other.file, .zlib(level: 1))
                #expect(again.finish(reason: .request, nextKey: try Fixture.signer(2).verifier).index == index)
            }
            let spans = try SegmentIndex(index).spans.count
            #expect(!fills || spans > 10)
        }
    }

    /// A list that has no room for more columns meets a span that begins with members which it has none for.
    @Test func aSpanBeginsWithMembersThatTheListHasNoColumnFor() throws {
        func event(_ members: Range<Int>, padding: Int) -> TextEvent {
            let rest = ("padding", TextValue.array([.text(String(repeating: "-", count: padding))]))
            return TextEvent(action: "act", details: [rest] + members.map { ("m\($0)", .text("value of \($0)")) })
        }
        let (known, all) = (0..<TextList.columnLimit, TextList.columnLimit + 8)
        let wide = (0..<30).map { _ in event(known, padding: Limits.block / 80) }
        // The first does not fit into the block any more.
        let narrow = (known.upperBound..<all).map {
            event($0..<all, padding: $0 == known.upperBound ? Limits.block / 2 : 0)
        }
        var segment = try TestSegment(try Fixture.header(number: 4, first: 1000))
        try segment.append((wide + narrow).map(\.line), at: Fixture.time)
        try segment.closeBlock(durable: 1000)
        let wanted = (0..<all).map { "value of \($0)." } + (known.upperBound..<all).map { "value of \($0)" }
        let index = try SegmentIndex(try segment.finish().index, texts: wanted)
        try #require(index.spans.map(\.count) == [UInt32(wide.count), UInt32(narrow.count)])
        for (number, place) in (known.upperBound..<all).enumerated() {
            let found = index.events(with: "value of \(place)", inSpan: 1)
            #expect(found?.count == number + 1, "\(place)")
            #expect(index.events(with: "value of \(place).", inSpan: 1)?.count == 0)
        }
    }

    /// Put together by hand, as Format.md says.
    @Test func theEncodedFormIsThatOfTheFormat() throws {
        let events = [
            TextEvent(action: "b", details: [("k", .text("on"))]),
            TextEvent(action: "b", actor: [("id", "x")], details: [("k", .text("off")), ("k", .text("Trigram"))]),
            TextEvent(action: "c", actor: [("id", "x")], details: [("k", .text("on"))]),
        ]
        var segment = try segment(events, perBlock: 10)
        let bytes = try texts(try segment.finish().index).bytes
        // Trigrams at even places: "Tri", "igr", "ram".
        var bits = [UInt8](repeating: 0, count: 8)
        for trigram in ["tri", "igr", "ram"] {
            let number = zip(trigram.utf8, 0...).reduce(UInt32(0)) { $0 | UInt32($1.0) << UInt32(8 * $1.1) }
            let place = Int((number &* 0x9E37_79B1) >> 20) >> 6
            bits[place / 8] |= 1 << UInt8(place % 8)
        }
        // Field, name, number of values, state, values, codes: in the order in which they appear.
        let action: [UInt8] = [0, 0xFF, 2, 0, 1] + Array("b".utf8) + [1] + Array("c".utf8) + [0b100]
        let message: [UInt8] =
            [3, 1] + Array("k".utf8) + [2, 0, 2] + Array("on".utf8) + [3] + Array("off".utf8) + [0b010]
        let actor: [UInt8] = [1, 2] + Array("id".utf8) + [1, 1, 1] + Array("x".utf8) + [0b001]
        #expect(bytes == [3, 0, 8, 0] + action + message + actor + bits)
    }

    /// So many values, the last of which has so many bytes; how many of them are in the column.
    @Test(arguments: [(15, 64, 15), (16, 64, 0), (15, 65, 14), (1, 1, 1), (1, 65, 0), (40, 2, 0)])
    func columnsHaveLimits(_ count: Int, _ size: Int, _ kept: Int) throws {
        let values = (1..<count).map { "value \($0)" } + [String(repeating: "v", count: size)]
        let events = (values + values).map { TextEvent(action: "a", details: [("k", .text($0))]) }
        var segment = try segment(events, perBlock: 100)
        let index = try segment.finish().index
        let (bytes, events_) = try texts(index)
        let summary = try bytes.withUnsafeBytes { try TextSummary($0, count: events_) }
        let column = try #require(summary.columns.first { $0.key.field == SearchedField.details.rawValue })
        #expect(column.values.count == kept)
        #expect(column.isGivenUp == (count > 15))
        let text = values[count - 1]
        let found = try SegmentIndex(index, texts: [text]).events(with: text, inSpan: 0)
        #expect(kept == count && size > 3 ? found?.count == 2 : found == nil)
    }

    @Test(arguments: [(15, 16), (16, 17)])
    func aSpanHasSixteenColumns(_ members: Int, _ wanted: Int) throws {
        let details = (0..<members).map { ("m\($0)", TextValue.text("value \($0)")) }
        var segment = try segment([TextEvent(action: "act", details: details)], perBlock: 1)
        let index = try segment.finish().index
        let (bytes, count) = try texts(index)
        let summary = try bytes.withUnsafeBytes { try TextSummary($0, count: count) }
        #expect(summary.columns.count == min(wanted, 16))
        // What is in no column is in the filter, which never says no.
        let last = "value \(members - 1)"
        let found = try SegmentIndex(index, texts: [last, "act"]).events(with: last, inSpan: 0)
        #expect(wanted == 16 ? found?.count == 1 : found == nil)
    }

    // Number of columns, reserved, field, length of the name, number of values, state; a byte of a value.
    @Test(arguments: [(0, 1), (1, 1), (4, 4), (5, 0x20), (6, 1), (7, 3), (9, 1)])
    func whatIsNoSummaryIsRefused(_ offset: Int, _ change: UInt8) throws {
        var segment = try segment([TextEvent(action: "act", details: [("k", .text("on"))])], perBlock: 1)
        let (bytes, count) = try texts(try segment.finish().index)
        for end in bytes.indices {
            #expect(throws: FormatError.self) {
                try Array(bytes[..<end]).withUnsafeBytes { try TextSummary($0, count: count) }
            }
        }
        #expect(throws: FormatError.self) { try (bytes + [0]).withUnsafeBytes { try TextSummary($0, count: count) } }
        var changed = bytes
        changed[offset] &+= change
        let result = Result { try changed.withUnsafeBytes { try TextSummary($0, count: count) } }
        // The byte of a value may be any.
        if offset == 9 { #expect((try? result.get()) != nil) } else { #expect((try? result.get()) == nil) }
    }

    /// An index may say of a few bytes that they are of four billion events.
    @Test func anyNumberOfEventsTakesNoMemory() throws {
        let (bytes, count) = ([1, 0, 0, 0, 3, 0xFF, 1, 0, 4] + Array("evil".utf8), Int(UInt32.max))
        try bytes.withUnsafeBytes { bytes in
            let summary = try TextSummary(bytes, count: count)
            let found = try #require(summary.events(with: SearchedPattern("EVIL"), of: count, in: bytes))
            #expect(found.isAll && found.count == count && found.inverted.isEmpty)
            let nothing = try #require(summary.events(with: SearchedPattern("good"), of: count, in: bytes))
            #expect(nothing.isEmpty && nothing.inverted == found)
        }
    }

    @Test func setsOfEvents() {
        var random = SeededRandom()
        for size in [0, 1, 63, 64, 65, 200] {
            func set(_ places: Set<Int>) -> EventSet {
                var set = EventSet(count: size, all: false)
                for place in places { set.insert(place) }
                return set
            }
            let (all, none) = (Set(0..<size), Set<Int>())
            #expect(set(all) == EventSet(count: size, all: true) && set([]) == EventSet(count: size, all: false))
            for _ in 0..<20 {
                let a: Set<Int> = all.filter { _ in random.below(2) == 0 }
                let b: Set<Int> = all.filter { _ in random.below(3) == 0 }
                for (own, other) in [(a, b), (a, none), (none, b), (a, all), (all, b)] {
                    var (union, intersection) = (set(own), set(own))
                    union.formUnion(set(other))
                    intersection.formIntersection(set(other))
                    #expect(union == set(own.union(other)) && union.count == own.union(other).count)
                    #expect(intersection == set(own.intersection(other)))
                    #expect(set(own).inverted == set(all.subtracting(own)))
                }
            }
        }
    }

    @Test func bytesMayBeAny() throws {
        var random = SeededRandom()
        var accepted = 0
        for _ in 0..<20_000 {
            let size = random.below(40)
            var bytes: [UInt8] = [UInt8(random.below(4)), 0, UInt8(random.element([0, 8, 8, 16])), 0]
            bytes += (0..<size).map { _ in UInt8(random.below(random.element([3, 5, 20, 256]))) }
            let count = random.below(20)
            bytes.withUnsafeBytes { bytes in
                guard let summary = try? TextSummary(bytes, count: count) else { return }
                accepted += 1
                for text in ["abcd", "x"] {
                    let found = summary.events(with: SearchedPattern(text), of: count, in: bytes)
                    check(found.map { $0.count <= count } ?? true)
                }
                _ = try? SpanTexts(bytes, count: count)
            }
        }
        #expect(accepted > 10)
    }
}

@Suite struct TrigramTableTests {
    @Test func nothingIsMissed() {
        var random = SeededRandom()
        for size in [1, 5, 40, 300, 3000] {
            var table = TrigramTable()
            let texts = (0..<size).map { _ in (0..<random.below(30)).map { _ in UInt8(random.below(256)) } }
            for text in texts { text.withUnsafeBytes { table.insert($0) } }
            for filter in [table.bytes(halved: true), table.bytes(halved: false)] {
                #expect(TrigramTable.isSize(filter.count))
                filter.withUnsafeBytes { filter in
                    for text in texts where !text.isEmpty {
                        let start = random.below(text.count)
                        let part = Array(text[start...].prefix(random.below(12)))
                        check(TrigramTable.mayContain(part, in: filter))
                        check(
                            TrigramTable.mayContain(part.map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 }, in: filter))
                    }
                }
            }
        }
    }

    @Test func littleIsFoundThatIsNotThere() {
        var random = SeededRandom()
        var table = TrigramTable()
        for number in 0..<500 { Array("user\(number)@harbour.example".utf8).withUnsafeBytes { table.insert($0) } }
        let filter = table.bytes(halved: true)
        let strangers = (0..<1000).map { _ in (0..<8).map { _ in UInt8(97 + random.below(26)) } }
        let found = filter.withUnsafeBytes { filter in strangers.count { TrigramTable.mayContain($0, in: filter) } }
        #expect(found < 300, "\(found) of 1000")
    }

    @Test func anEmptyOneHasNoBytes() {
        var table = TrigramTable()
        Array("ab".utf8).withUnsafeBytes { table.insert($0) }
        #expect(table.bytes(halved: true).isEmpty)
        #expect(!TrigramTable.mayContain(Array("four".utf8), in: UnsafeRawBufferPointer(start: nil, count: 0)))
        #expect(TrigramTable.mayContain(Array("abc".utf8), in: UnsafeRawBufferPointer(start: nil, count: 0)))
    }

    @Test func goesOnWithWhatWasWritten() throws {
        var table = TrigramTable()
        Array("some text or other".utf8).withUnsafeBytes { table.insert($0) }
        let bytes = table.bytes(halved: false)
        #expect(bytes.count == TrigramTable.sizeLimit)
        #expect(try bytes.withUnsafeBytes { try TrigramTable($0) }.bytes(halved: false) == bytes)
        for size in [0, 8, 511, 513] {
            let other = [UInt8](repeating: 0, count: size)
            #expect(errorCode { _ = try other.withUnsafeBytes { try TrigramTable($0) } } == .malformed)
        }
    }
}
