/// Changes inputs as a fuzzer would, from a seed; for tests that have seconds and no coverage to go by.
package struct Mutator {
    private var random: any RandomNumberGenerator
    private let corpus: [[UInt8]]
    private let sizeLimit: Int

    /// Bytes at which decoders turn off.
    private static let notable: [[UInt8]] = [
        [0], [0xFF], [0x7F], [0x80], [0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0, 0, 0, 0, 0x80],
        Array("\"".utf8), Array("\\u0000".utf8), Array("\\ud800".utf8), Array("[{".utf8), Array("}]".utf8),
        Array("\n".utf8), Array(" ".utf8), Array("+".utf8), Array("-1".utf8), Array("1e9".utf8), Array("\u{212A}".utf8),
        Array("e\u{301}".utf8), Array("18446744073709551616".utf8),
    ]

    /// - Parameter corpus: not empty.
    package init(_ random: any RandomNumberGenerator, corpus: [[UInt8]], sizeLimit: Int) {
        precondition(!corpus.isEmpty)
        self.random = random
        self.corpus = corpus
        self.sizeLimit = sizeLimit
    }

    /// One of the corpus, changed in one to four places.
    package mutating func next() -> [UInt8] {
        var bytes = corpus[below(corpus.count)]
        for _ in 0...below(4) { change(&bytes) }
        return Array(bytes.prefix(sizeLimit))
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let place = below(bytes.count + 1)
        let end = min(bytes.count, place + 1 + below(16))
        switch below(8) {
        case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(below(8))
        case 1 where place < bytes.count: bytes[place] = UInt8(below(256))
        case 2: bytes.insert(contentsOf: Mutator.notable[below(Mutator.notable.count)], at: place)
        case 3:
            let notable = Mutator.notable[below(Mutator.notable.count)]
            bytes.replaceSubrange(place..<min(bytes.count, place + notable.count), with: notable)
        case 4: bytes.removeSubrange(place..<end)
        case 5: bytes.insert(contentsOf: bytes[place..<end], at: below(bytes.count + 1))
        case 6:
            let other = corpus[below(corpus.count)]
            bytes.replaceSubrange(place..., with: other[below(other.count + 1)...])
        default: bytes.removeLast(bytes.count - place)
        }
    }

    private mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }
}
