/// Finds words in names: `login_failed`, `UserLoggedIn`, `AWS::S3::Bucket`. A word is a run of ASCII letters; where
/// capitals begin a new word, it ends.
///
/// Case does not matter, and no more than the first eight letters do: `download` is `downloaded` as well.
struct WordTable<Meaning: OptionSet & Sendable>: Sendable where Meaning.RawValue == UInt64 {
    /// Open addressing: a key of 0 is none.
    private var keys = [UInt64](repeating: 0, count: 4)
    private var meanings = [Meaning](repeating: [], count: 4)

    /// - Parameter words: lower-case words, separated by blanks, by their meaning.
    init(_ words: [(meaning: Meaning, words: String)]) {
        let entries = words.flatMap { entry in
            entry.words.utf8.split(separator: UInt8(ascii: " ")).map { (key: Self.key($0), meaning: entry.meaning) }
        }
        while keys.count < 2 * entries.count { keys += keys }
        meanings = [Meaning](repeating: [], count: keys.count)
        for entry in entries {
            let slot = slot(of: entry.key)
            keys[slot] = entry.key
            meanings[slot].formUnion(entry.meaning)
        }
    }

    /// Calls `body` with the meaning of every word of `name` that has one, in their order.
    @inline(__always)
    func forEachMeaning(in name: UnsafeRawBufferPointer, _ body: (Meaning) -> Void) {
        var (key, size) = (UInt64(0), 0)
        var previous = Letter.none
        for index in name.indices {
            let letter = Letter(name[index])
            let startsWord: Bool
            switch (previous, letter) {
            case (.lower, .upper), (_, .none): startsWord = true
            // The last capital of several begins the word behind it: MFADevice.
            case (.upper, .upper): startsWord = index + 1 < name.count && Letter(name[index + 1]) == .lower
            default: startsWord = false
            }
            if startsWord {
                look(up: key, body)
                (key, size) = (0, 0)
            }
            if letter != .none, size < 8 {
                key = key << 8 | UInt64(name[index] | 0x20)
                size += 1
            }
            previous = letter
        }
        look(up: key, body)
    }

    private enum Letter {
        case none, lower, upper

        @inline(__always)
        init(_ byte: UInt8) {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): self = .lower
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): self = .upper
            default: self = .none
            }
        }
    }

    @inline(__always)
    private func look(up key: UInt64, _ body: (Meaning) -> Void) {
        guard key != 0 else { return }
        let slot = slot(of: key)
        if keys[slot] == key { body(meanings[slot]) }
    }

    /// Where the key stands, or would.
    @inline(__always)
    private func slot(of key: UInt64) -> Int {
        let mask = keys.count - 1
        var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) &>> 40) & mask
        while keys[slot] != 0, keys[slot] != key { slot = (slot + 1) & mask }
        return slot
    }

    private static func key(_ word: some Sequence<UInt8>) -> UInt64 {
        word.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
