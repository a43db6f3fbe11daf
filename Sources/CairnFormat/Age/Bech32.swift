/// Bech32 (BIP 173) without its limit of 90 characters, which age lifts: text with a checksum that finds mistyped
/// characters. Decoding is strict, so that each value has one text in each case of letters.
package enum Bech32 {
    private static let alphabet = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)

    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    private static let checksumLength = 6

    /// The text in lower case; `prefix` is lower-case ASCII.
    package static func encode(prefix: String, _ bytes: [UInt8]) -> String {
        var groups = regroup(bytes, from: 8, to: 5)
        groups.append(contentsOf: checksum(prefix: Array(prefix.utf8), groups))
        return prefix + "1" + String(decoding: groups.map { alphabet[Int($0)] }, as: UTF8.self)
    }

    /// The part before the last `1`, in the case that it has, and the bytes; nil for anything else than `encode` would
    /// have written for them in lower case, or in upper case throughout.
    package static func decode(_ text: some StringProtocol) -> (prefix: String, bytes: [UInt8])? {
        let characters = Array(text.utf8)
        let lower = characters.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        let hasLower = characters.contains { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
        guard lower == characters || !hasLower, characters.allSatisfy({ (33...126).contains($0) }),
            let separator = lower.lastIndex(of: UInt8(ascii: "1")), separator > 0
        else { return nil }
        let groups = lower[(separator + 1)...].map { values[Int($0)] }
        guard groups.count >= checksumLength, !groups.contains(0xFF) else { return nil }
        let data = Array(groups.dropLast(checksumLength))
        guard groups.suffix(checksumLength).elementsEqual(checksum(prefix: Array(lower[..<separator]), data)) else {
            return nil
        }
        let bytes = regroup(data, from: 5, to: 8)
        // The last group may carry up to four bits that belong to no byte: they are zero, and are no group more.
        guard regroup(bytes, from: 8, to: 5) == data else { return nil }
        return (String(decoding: characters[..<separator], as: UTF8.self), bytes)
    }

    /// Splits the bits of groups of `from` bits, the first of them highest, into groups of `to` bits. Bits that are
    /// left over fill a last group of 5 with zeros, and make no byte.
    private static func regroup(_ groups: [UInt8], from: Int, to: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity((groups.count * from + to - 1) / to)
        var bits: UInt32 = 0
        var held = 0
        for group in groups {
            bits = bits << from | UInt32(group)
            held += from
            while held >= to {
                held -= to
                result.append(UInt8(truncatingIfNeeded: bits >> held & (1 << to - 1)))
            }
            bits &= 1 << held - 1
        }
        if to == 5, held > 0 { result.append(UInt8(truncatingIfNeeded: bits << (to - held))) }
        return result
    }

    private static func checksum(prefix: [UInt8], _ groups: [UInt8]) -> [UInt8] {
        var state: UInt32 = 1
        func feed(_ value: UInt8) {
            let top = state >> 25
            state = (state & 0x1FF_FFFF) << 5 ^ UInt32(value)
            let generators: [UInt32] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3]
            for (bit, generator) in generators.enumerated() where top >> bit & 1 == 1 { state ^= generator }
        }
        for character in prefix { feed(character >> 5) }
        feed(0)
        for character in prefix { feed(character & 31) }
        for group in groups { feed(group) }
        for _ in 0..<checksumLength { feed(0) }
        state ^= 1
        return (0..<checksumLength).map { UInt8(state >> (5 * (5 - $0)) & 31) }
    }
}
