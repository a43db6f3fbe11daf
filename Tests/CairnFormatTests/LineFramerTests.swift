import CairnFormat
import Testing

/// What the framer gave out, copied.
private enum Framed: Equatable, CustomStringConvertible {
    case whole([UInt8])
    case tooLong(OversizeLine)

    init(_ line: LineFramer.Line) {
        switch line {
        case .whole(let bytes): self = .whole(Array(bytes))
        case .tooLong(let line): self = .tooLong(line)
        }
    }

    /// What should come of a line of these bytes.
    init(_ bytes: [UInt8], limit: Int) {
        self =
            bytes.count <= limit
            ? .whole(bytes)
            : .tooLong(
                OversizeLine(
                    beginning: Array(bytes.prefix(Limits.rejectedRaw)), size: bytes.count,
                    digest: Digest.sha256(bytes)))
    }

    var description: String {
        switch self {
        case .whole(let bytes): "whole(\(bytes.count): \(Array(bytes.prefix(20)).text))"
        case .tooLong(let line): "tooLong(\(line.size), \(line.beginning.count))"
        }
    }
}

/// The oracle: split at each LF; what is behind the last is a line if there is anything.
private func framed(_ stream: [UInt8], limit: Int) -> [Framed] {
    var lines = stream.split(separator: 10, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines.map { Framed(Array($0), limit: limit) }
}

@Suite struct LineFramerTests {
    private static func run(_ pieces: [[UInt8]], limit: Int, finish: Bool = true) -> [Framed] {
        var framer = LineFramer(limit: limit)
        var lines: [Framed] = []
        for piece in pieces {
            piece.exactly { framer.push($0) { lines.append(Framed($0)) } }
            check(framer.pending <= limit)
        }
        if finish {
            framer.finish { lines.append(Framed($0)) }
            #expect(framer.pending == 0)
            framer.finish { _ in Issue.record("a line behind the last") }
        }
        return lines
    }

    @Test(arguments: [
        ([], []), ([""], []), (["a\n"], ["a"]), (["a"], ["a"]), (["a", "\n"], ["a"]), (["a", "b", "\n"], ["ab"]),
        (["a\nb\n"], ["a", "b"]), (["a\nb"], ["a", "b"]), (["\n"], [""]), (["\n\n\n"], ["", "", ""]),
        (["a\r\nb\r\n"], ["a\r", "b\r"]), (["a\rb\n"], ["a\rb"]), (["a\r", "\nb"], ["a\r", "b"]), (["\r"], ["\r"]),
        (["\u{85}a\u{2028}\u{B}\n"], ["\u{85}a\u{2028}\u{B}"]), (["a\u{0}b\n"], ["a\u{0}b"]),
        (["", "a", "", "\n", ""], ["a"]), (["12345678\n"], ["12345678"]),
        (["1234", "5678", "\n9\n"], ["12345678", "9"]),
    ])
    func table(_ pieces: [String], _ expected: [String]) {
        let lines = Self.run(pieces.map { Array($0.utf8) }, limit: 8)
        #expect(lines == expected.map { .whole(Array($0.utf8)) })
    }

    @Test(arguments: [
        ["123456789\nabc\n"], ["123456789", "\nabc\n"], ["12345678", "9\nabc\n"], ["123456789"], ["12345678", "9"],
        ["123456789abcdef", "ghi", "", "j\n\nk"], ["x\n123456789\ny\n123456789\nz"], ["12345678\r\n"],
        ["123456789", "\n"], ["123456789", "\n\n"], ["123456789", "abc\n12345678", "9", "\n"],
    ])
    func tooLong(_ pieces: [String]) {
        let lines = Self.run(pieces.map { Array($0.utf8) }, limit: 8)
        #expect(lines == framed(Array(pieces.joined().utf8), limit: 8))
        #expect(lines.contains { if case .tooLong = $0 { true } else { false } })
    }

    @Test func anyPieces() {
        var random = SeededRandom()
        for _ in 0..<400 {
            let limit = random.element([1, 5, 40, 5000])
            let lineFeeds = random.element([3, 20, 200])
            let stream = (0..<random.below(random.element([30, 600, 9000]) + 1)).map { _ in
                random.below(lineFeeds) == 0 ? 10 : UInt8(random.below(256))
            }
            var pieces: [[UInt8]] = []
            var rest = stream[...]
            let most = random.element([2, 7, 100, 5000])
            while !rest.isEmpty {
                let piece = rest.prefix(random.below(most))
                pieces.append(Array(piece))
                rest = rest.dropFirst(piece.count)
            }
            #expect(Self.run(pieces, limit: limit) == framed(stream, limit: limit))
        }
    }

    @Test func linesComeAsSoonAsTheyEnd() {
        #expect(Self.run([Array("a\nb".utf8)], limit: 8, finish: false) == [.whole(Array("a".utf8))])
    }

    @Test func memoryIsBoundedOnAnEndlessLine() {
        var framer = LineFramer(limit: 1000)
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 700)
        for _ in 0..<5000 {
            piece.withUnsafeBytes { framer.push($0) { _ in Issue.record("a line without an end") } }
            check(framer.pending <= 1000)
        }
        var lines: [Framed] = []
        [UInt8]("\nshort\n").withUnsafeBytes { framer.push($0) { lines.append(Framed($0)) } }
        let whole = [UInt8](repeating: UInt8(ascii: "x"), count: 700 * 5000)
        #expect(lines == [Framed(whole, limit: 1000), .whole(Array("short".utf8))])
    }

    @Test func keepsTheBeginningOfLongLines() {
        var random = SeededRandom()
        for size in [Limits.rejectedRaw - 1, Limits.rejectedRaw, Limits.rejectedRaw + 1, 20_000] {
            let line = random.bytes(size).map { $0 == 10 ? 11 : $0 }
            for cut in [0, 1, 100, size / 2, size] {
                let lines = Self.run([Array(line[..<cut]), Array(line[cut...]) + [10]], limit: 50)
                #expect(lines == [Framed(line, limit: 50)])
            }
        }
    }

    @Test func paddingBehindEachLineIsReadable() {
        var framer = LineFramer(limit: 100_000)
        var random = SeededRandom()
        var sum = 0
        for _ in 0..<200 {
            let line = [UInt8](repeating: 1, count: random.below(9000)) + [10]
            line.exactly {
                framer.push($0) { line in
                    guard case .whole(let bytes) = line, let base = bytes.baseAddress else { return }
                    let end = base + bytes.count
                    for index in 0..<JSONParser.padding { sum += Int(end.load(fromByteOffset: index, as: UInt8.self)) }
                }
            }
        }
        #expect(sum >= 0)
    }
}
