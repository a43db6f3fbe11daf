import CairnFormat
import Testing

@Suite struct SaltsTests {
    private static func salt(_ key: [UInt8], _ sequence: UInt64) -> [UInt8] {
        var salts = Salts(saltKey: key)
        return salts.withSalt(of: sequence) { $0.map { Array($0) } ?? [] }
    }

    @Test(arguments: SaltVectors.all)
    func vectors(_ key: [UInt8], _ sequence: UInt64, _ expected: String) {
        #expect(Self.salt(key, sequence).hex == expected)
    }

    @Test func theOrderOfAskingDoesNotMatter() {
        var random = SeededRandom()
        let key = random.bytes(32)
        var salts = Salts(saltKey: key)
        let sequences: [UInt64] = (0..<60).map { _ in
            random.element([0, 1 << 20, 1 << 62]) + UInt64(random.below(3000))
        }
        for sequence in sequences {
            #expect(salts.withSalt(of: sequence) { $0.map { Array($0) } } == Self.salt(key, sequence))
        }
    }

    /// A salt depends on its sequence number and on the key alone, and no two are the same.
    @Test func noTwoAreTheSame() {
        var random = SeededRandom()
        let key = random.bytes(32)
        var salts = Salts(saltKey: key)
        var seen: Set<[UInt8]> = []
        for sequence in (0 as UInt64)..<5000 {
            seen.insert(salts.withSalt(of: sequence) { $0.map { Array($0) } ?? [] })
        }
        #expect(seen.count == 5000)
        #expect(seen.allSatisfy { $0.count == 16 })
        var other = key
        other[31] ^= 1
        #expect(Self.salt(other, 0) != Self.salt(key, 0))
    }

    /// What a redaction keeps of a group is the key of each other group: none gives a salt of the erased one, since
    /// each group key is a hash of its own.
    @Test func groupsHaveKeysOfTheirOwn() {
        #expect(Salts.groupSize == 1024)
        let next = Self.salt(SaltVectors.counting, 1024)
        // Were the keystream to run on into the next group, the first salt there would be that of counter 1024.
        #expect(SaltVectors.counter1024 != next.hex)
    }

    @Test func leaves() {
        let salt = [UInt8](1...16)
        let line = Array("{\"_seq\":0}".utf8)
        let leaf = salt.withUnsafeBytes { salt in line.withUnsafeBytes { leafHash(salt: salt, line: $0) } }
        #expect(leaf == Digest.sha256([0x00] + salt + line))
    }
}
